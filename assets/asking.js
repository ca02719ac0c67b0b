// Asking for a certificate with a key that is made in this browser, and never leaves it but as the person's own file.
import { carried, carry, digestOf, find, forget, keep, makePassword, unseal } from './kept.js'

const KEYS = document.currentScript.dataset.keys
const came = carried()

for (const form of document.querySelectorAll('form.ask')) ask(form)
for (const section of document.querySelectorAll('[data-kept-key]')) kept(section)

/** The form: a key is made when it is sent, and only its public half goes with it. */
async function ask (form) {
  if (!KEYS || !window.isSecureContext || !window.indexedDB) return
  for (const way of form.querySelectorAll('[data-needs-script]')) way.hidden = false
  if (form.elements.key.value === 'browser') form.elements.csr.value = ''
  if (came) await forget(came.digest) // it was refused: the next one gets a new key
  form.addEventListener('submit', (event) => {
    if (form.elements.key.value !== 'browser' || event.submitter?.value === 'preview') return
    event.preventDefault()
    send(form)
  })
}

async function send (form) {
  const said = document.getElementById('asking_said')
  const buttons = form.querySelectorAll('button')
  for (const button of buttons) button.disabled = true
  said.textContent = said.dataset.making
  try {
    const { makeKey } = await import(KEYS)
    const made = await makeKey(form.elements.algorithm.value)
    const [digest, password] = [await digestOf(made.spki), makePassword()]
    await keep(digest, made.pkcs8, password)
    carry(digest, password)
    form.elements.csr.value = made.csr
    form.submit()
  } catch (error) {
    said.textContent = `${said.dataset.failed} ${error.message}`
    for (const button of buttons) button.disabled = false
  }
}

/** A page about a certificate, or a request, whose key may be in this browser. */
async function kept (section) {
  const digest = section.dataset.keptKey
  const found = window.indexedDB && await find(digest)
  if (!found) return
  if (section.dataset.ended) return forget(digest)
  const part = (name) => section.querySelector(`[data-kept="${name}"]`)
  const chain = section.dataset.chain
  section.hidden = false
  if (came?.digest === digest) {
    part('password-text').textContent = came.password
    part('password').hidden = false
    if (chain) return assemble(section, part, found, came.password)
  }
  part(chain ? 'ask' : 'waits').hidden = false
  part('ask').addEventListener('submit', (event) => {
    event.preventDefault()
    assemble(section, part, found, document.getElementById('kept_entered').value.trim())
  })
}

async function assemble (section, part, found, password) {
  const [said, digest] = [part('said'), section.dataset.keptKey]
  said.textContent = ''
  let pkcs8
  try {
    pkcs8 = await unseal(found, password)
  } catch {
    said.textContent = said.dataset.wrong
    return
  }
  try {
    const { certificatesOf, makePkcs12, pem } = await import(KEYS)
    const answer = await fetch(section.dataset.chain)
    if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`)
    const name = section.dataset.name
    const file = await makePkcs12(pkcs8, certificatesOf(await answer.text()), password, name)
    offer(part('pkcs12'), new Blob([file], { type: 'application/x-pkcs12' }), `${name}.p12`, digest)
    offer(part('pem'), new Blob([pem('PRIVATE KEY', pkcs8)], { type: 'application/x-pem-file' }), `${name}.key.pem`, digest)
    part('ask').hidden = true
    part('files').hidden = false
  } catch (error) {
    said.textContent = `${said.dataset.failed} ${error.message}`
  }
}

/** A file to download; with the first one the browser's own copy of the key is gone. */
function offer (link, blob, name, digest) {
  link.href = URL.createObjectURL(blob)
  link.download = name
  link.addEventListener('click', () => forget(digest))
}
