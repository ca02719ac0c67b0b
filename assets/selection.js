// Rows of a list chosen for one act on all of them: choose all, and say how many.
export function selection () {
  document.addEventListener('change', (event) => {
    const form = event.target.closest('[data-selection]')
    if (!form) return
    const boxes = [...form.querySelectorAll('input[name="chosen"]')]
    if (event.target.matches('[data-chooses-all]')) {
      for (const box of boxes) box.checked = event.target.checked
    }
    const count = boxes.filter((box) => box.checked).length
    const told = form.querySelector('[data-chosen-count]')
    if (told) told.textContent = String(count)
    for (const part of form.querySelectorAll('[data-needs-chosen]')) part.disabled = count === 0
  })
}
