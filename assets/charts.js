// Pictures of numbers. Each is beside a table that says the same; it draws what the table holds.
import { BarChart, HeatmapChart, LineChart } from 'echarts/charts'
import {
  CalendarComponent, GridSimpleComponent, TooltipComponent, VisualMapPiecewiseComponent
} from 'echarts/components'
import { init, use } from 'echarts/core'
import { CanvasRenderer } from 'echarts/renderers'

use([
  BarChart, CalendarComponent, CanvasRenderer, GridSimpleComponent, HeatmapChart, LineChart, TooltipComponent,
  VisualMapPiecewiseComponent
])

const drawn = new Map()

/** The numbers of a chart: [{name, values: {label: number}}] from the table with that id. */
function read (table) {
  const [corner, ...names] = [...table.tHead.rows[0].cells].map((cell) => cell.textContent.trim())
  const rows = [...table.tBodies[0].rows]
  const labels = rows.map((row) => row.cells[0].dataset.value || row.cells[0].textContent.trim())
  const links = rows.map((row) => row.querySelector('a')?.href)
  const series = names.map((name, column) => ({
    name, data: rows.map((row) => Number(row.cells[column + 1].dataset.value || row.cells[column + 1].textContent))
  }))
  return { corner, labels, links, series }
}

/** Colours of the theme as plain red, green and blue, however the style sheet writes them. */
function colours () {
  const brush = document.createElement('canvas').getContext('2d', { willReadFrequently: true })
  const probe = document.body.appendChild(document.createElement('span'))
  const of = (name) => {
    probe.style.color = `var(--tblr-${name})`
    brush.clearRect(0, 0, 1, 1)
    brush.fillStyle = getComputedStyle(probe).color
    brush.fillRect(0, 0, 1, 1)
    const [red, green, blue, opacity] = brush.getImageData(0, 0, 1, 1).data
    return `rgba(${red},${green},${blue},${opacity / 255})`
  }
  const found = { text: of('body-color'), line: of('border-color'), surface: of('bg-surface') }
  for (const name of ['primary', 'red', 'yellow', 'green']) found[name] = of(name)
  probe.remove()
  return found
}

/** Names of months and of days, in the language of the page. */
function named (part, count, moment) {
  const format = new Intl.DateTimeFormat(document.documentElement.lang, { ...part, timeZone: 'UTC' })
  return Array.from({ length: count }, (_, place) => format.format(moment(place)))
}

function axes (told, palette) {
  const label = { color: palette.text }
  const line = { lineStyle: { color: palette.line } }
  return {
    grid: { left: 8, right: 12, top: 12, bottom: 8, containLabel: true },
    xAxis: { type: 'category', data: told.labels, axisLabel: label, axisLine: line, axisTick: { show: false } },
    yAxis: { type: 'value', minInterval: 1, axisLabel: label, splitLine: line }
  }
}

const kinds = {
  bar: (told, palette) => ({
    ...axes(told, palette), series: told.series.map((one) => ({ ...one, type: 'bar', barMaxWidth: 24 }))
  }),
  line: (told, palette) => ({
    ...axes(told, palette),
    series: told.series.map((one) => ({ ...one, type: 'line', smooth: false, showSymbol: false, areaStyle: { opacity: 0.12 } }))
  }),
  calendar: (told, palette) => {
    const [{ name, data }] = told.series
    return {
      visualMap: {
        type: 'piecewise', show: false, min: 0, max: Math.max(5, ...data), splitNumber: 5,
        inRange: { color: [palette.line, palette.yellow, palette.red] }
      },
      calendar: {
        range: [told.labels[0], told.labels.at(-1)], left: 36, right: 8, top: 24, bottom: 8,
        cellSize: ['auto', 'auto'],
        itemStyle: { color: palette.line, opacity: 0.35, borderColor: palette.surface, borderWidth: 3 }, splitLine: { show: false },
        dayLabel: {
          color: palette.text, firstDay: 1, nameMap: named({ weekday: 'narrow' }, 7, (day) => Date.UTC(2023, 0, 1 + day)) // a Sunday
        },
        monthLabel: { color: palette.text, nameMap: named({ month: 'short' }, 12, (month) => Date.UTC(2023, month, 1)) },
        yearLabel: { show: false }
      },
      series: { name, type: 'heatmap', coordinateSystem: 'calendar', data: told.labels.map((day, place) => [day, data[place]]) }
    }
  }
}

function draw (place) {
  const told = read(document.getElementById(place.dataset.table))
  if (!told.labels.length) return
  const palette = colours()
  drawn.get(place)?.dispose()
  place.hidden = false
  const chart = init(place, null, { renderer: 'canvas' })
  drawn.set(place, chart)
  chart.setOption({
    animation: false,
    color: [palette.primary, palette.red, palette.green, palette.yellow],
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, color: palette.text },
    tooltip: { renderMode: 'richText', trigger: place.dataset.chart === 'calendar' ? 'item' : 'axis', confine: true },
    ...kinds[place.dataset.chart](told, palette)
  })
  chart.on('click', ({ dataIndex }) => { if (told.links[dataIndex]) window.location.assign(told.links[dataIndex]) })
}

function drawAll () {
  for (const place of document.querySelectorAll('[data-chart]')) draw(place)
}

document.addEventListener('DOMContentLoaded', drawAll)
document.addEventListener('certwright:theme', drawAll)
window.addEventListener('resize', () => { for (const chart of drawn.values()) chart.resize() })
