// Private keys that wait in this browser for their certificate: encrypted under a password that is not kept.
const STORE = 'keys'
const ITERATIONS = 100000
const LETTERS = 'abcdefghijklmnopqrstuvwxyz234567'
const PENDING = 'certwright.pending'

/** 120 random bits for a person to type once: 24 letters and digits in groups of four. */
export function makePassword () {
  const letters = Array.from(crypto.getRandomValues(new Uint8Array(24)), (octet) => LETTERS[octet & 31])
  return letters.join('').match(/.{4}/g).join('-')
}

/** Keep a key by the digest of its public key. */
export async function keep (digest, pkcs8, password) {
  const salt = crypto.getRandomValues(new Uint8Array(32))
  const iv = crypto.getRandomValues(new Uint8Array(12))
  const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv }, await sealing(password, salt), pkcs8)
  await within('readwrite', (store) => store.put({ digest, salt, iv, sealed }))
}

export function find (digest) {
  return within('readonly', (store) => store.get(digest))
}

export function forget (digest) {
  return within('readwrite', (store) => store.delete(digest))
}

/** The private key (PKCS #8). Rejects for a wrong password. */
export async function unseal (kept, password) {
  const key = await sealing(password, kept.salt)
  return crypto.subtle.decrypt({ name: 'AES-GCM', iv: kept.iv }, key, kept.sealed)
}

/** Carry a password over the one page change from the form to its answer. */
export function carry (digest, password) {
  sessionStorage.setItem(PENDING, JSON.stringify({ digest, password }))
}

/** What was carried here, once; undefined where nothing was. */
export function carried () {
  const text = sessionStorage.getItem(PENDING)
  sessionStorage.removeItem(PENDING)
  return text ? JSON.parse(text) : undefined
}

export async function digestOf (octets) {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', octets))
  return Array.from(digest, (octet) => octet.toString(16).padStart(2, '0')).join('')
}

async function sealing (password, salt) {
  const secret = await crypto.subtle.importKey('raw', new TextEncoder().encode(password), 'PBKDF2', false, ['deriveKey'])
  const derived = { name: 'PBKDF2', hash: 'SHA-256', salt, iterations: ITERATIONS }
  return crypto.subtle.deriveKey(derived, secret, { name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt'])
}

async function within (mode, act) {
  const opened = indexedDB.open('certwright', 1)
  opened.onupgradeneeded = () => opened.result.createObjectStore(STORE, { keyPath: 'digest' })
  const database = await settled(opened)
  try {
    const transaction = database.transaction(STORE, mode, { durability: 'strict' })
    const done = new Promise((resolve, reject) => {
      transaction.oncomplete = resolve
      transaction.onerror = transaction.onabort = () => reject(transaction.error)
    })
    const result = await settled(act(transaction.objectStore(STORE)))
    await done
    return result
  } finally {
    database.close()
  }
}

function settled (request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}
