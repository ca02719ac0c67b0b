// What the pages do beyond plain HTML. Every page works without it.
import htmx from 'htmx.org'
import { palette } from './palette.js'
import { selection } from './selection.js'

// The pages' policy allows neither inline style nor code from text.
Object.assign(htmx.config, {
  allowEval: false,
  allowScriptTags: false,
  includeIndicatorStyles: false,
  selfRequestsOnly: true,
  historyCacheSize: 0, // what a page showed must not stay in the browser after log-out
  refreshOnHistoryMiss: true
})

palette()
selection()

/** Menus are <details>: close them when the focus or a click goes elsewhere, or with Escape. */
document.addEventListener('click', (event) => {
  for (const menu of document.querySelectorAll('details.menu[open]')) {
    if (!menu.contains(event.target)) menu.open = false
  }
})
document.addEventListener('keydown', (event) => {
  if (event.key !== 'Escape') return
  for (const menu of document.querySelectorAll('details.menu[open]')) {
    menu.open = false
    menu.querySelector('summary').focus()
  }
})

/** On a phone the side navigation opens by a button. */
document.addEventListener('click', (event) => {
  const button = event.target.closest('[data-opens]')
  if (!button) return
  const shown = document.getElementById(button.dataset.opens).classList.toggle('show')
  button.setAttribute('aria-expanded', String(shown))
})

/** Copy the text of an element. */
document.addEventListener('click', async (event) => {
  const button = event.target.closest('[data-copies]')
  if (!button) return
  await navigator.clipboard.writeText(document.getElementById(button.dataset.copies).textContent)
  const before = button.textContent
  button.textContent = button.dataset.copied
  setTimeout(() => { button.textContent = before }, 2000)
})

/** A form that needs no one to press its button: what came from another site is sent on by a page of ours. */
document.querySelector('form[data-goes-on]')?.submit()
