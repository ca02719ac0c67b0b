// The command palette: go to a page, find a certificate. Ctrl-K or /.
export function palette () {
  const dialog = document.getElementById('palette')
  if (!dialog) return
  const field = dialog.querySelector('input')
  const list = dialog.querySelector('ul')
  const pages = [...list.children]
  let waiting

  function open () {
    if (!dialog.open) dialog.showModal()
    field.select()
  }

  function shown () {
    return [...list.querySelectorAll('a')].filter((link) => !link.closest('li').hidden)
  }

  function filter () {
    const words = field.value.trim().toLowerCase()
    for (const item of pages) item.hidden = !item.textContent.toLowerCase().includes(words)
    clearTimeout(waiting)
    waiting = setTimeout(find, 150, field.value.trim())
  }

  async function find (text) {
    const found = text.length < 2 ? [] : await certificates(text)
    if (field.value.trim() !== text) return // they went on typing
    for (const item of [...list.children]) if (!pages.includes(item)) item.remove()
    list.append(...found)
  }

  async function certificates (text) {
    const answer = await fetch(`${dialog.dataset.find}?${new URLSearchParams({ q: text })}`)
    if (!answer.ok) return []
    const template = document.createElement('template')
    template.innerHTML = await answer.text()
    return [...template.content.children]
  }

  function move (by) {
    const links = shown()
    const place = links.indexOf(document.activeElement)
    const next = links[(place + by + links.length) % links.length]
    if (place === 0 && by < 0) field.focus()
    else if (next) next.focus()
  }

  document.addEventListener('keydown', (event) => {
    const typing = event.target.closest('input, textarea, select, [contenteditable]')
    const slash = event.key === '/' && !typing && !event.ctrlKey && !event.metaKey && !event.altKey
    if (slash || ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k')) {
      event.preventDefault()
      open()
    } else if (dialog.open && event.key === 'ArrowDown') {
      event.preventDefault()
      move(1)
    } else if (dialog.open && event.key === 'ArrowUp') {
      event.preventDefault()
      move(-1)
    }
  })
  document.addEventListener('click', (event) => {
    if (event.target.closest('[data-palette]')) {
      event.preventDefault()
      open()
    } else if (event.target === dialog) dialog.close()
  })
  field.addEventListener('input', filter)
  dialog.querySelector('form').addEventListener('submit', (event) => {
    event.preventDefault()
    const [first] = shown()
    if (first) first.click()
  })
}
