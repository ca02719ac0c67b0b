// Light, dark, or as the system has it: settled before the page is painted. Kept in this browser alone.
const KEY = 'certwright.theme'
const dark = window.matchMedia('(prefers-color-scheme: dark)')

function wish () {
  try {
    return window.localStorage.getItem(KEY) || 'system'
  } catch {
    return 'system' // the browser keeps nothing for us
  }
}

function show () {
  const chosen = wish()
  const theme = chosen === 'system' ? (dark.matches ? 'dark' : 'light') : chosen
  document.documentElement.dataset.bsTheme = theme
  document.dispatchEvent(new CustomEvent('certwright:theme', { detail: { chosen, theme } }))
}

function mark () {
  for (const button of document.querySelectorAll('[data-theme-choice]')) {
    button.setAttribute('aria-pressed', String(button.dataset.themeChoice === wish()))
  }
}

dark.addEventListener('change', show)
document.addEventListener('DOMContentLoaded', () => {
  mark()
  document.addEventListener('click', (event) => {
    const button = event.target.closest('[data-theme-choice]')
    if (!button) return
    try {
      window.localStorage.setItem(KEY, button.dataset.themeChoice)
    } catch {
      return // nothing is kept, so nothing changes
    }
    show()
    mark()
  })
})
show()
