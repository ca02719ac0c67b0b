// Keys of people, in their own browser: a request (PKCS #10, RFC 2986) and a file (PKCS #12, RFC 7292).
// Loaded only where a key is made or a file assembled. Nothing here sends anything anywhere.
import * as asn1 from 'asn1js'
import * as pki from 'pkijs'

const ITERATIONS = 100000 // PBKDF2 (RFC 8018), by the browser itself
const MAC_ITERATIONS = 10000 // RFC 7292 appendix B, by script; the password has 120 random bits
const KINDS = {
  'ecdsa-p256': { name: 'ECDSA', namedCurve: 'P-256' },
  'ecdsa-p384': { name: 'ECDSA', namedCurve: 'P-384' },
  'rsa-3072': { name: 'RSASSA-PKCS1-v1_5', modulusLength: 3072, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' }
}
const LOCAL_KEY_ID = '1.2.840.113549.1.9.21'
const FRIENDLY_NAME = '1.2.840.113549.1.9.20'
const PBES2 = { contentEncryptionAlgorithm: { name: 'AES-CBC', length: 256 }, hmacHashAlgorithm: 'SHA-256', iterationCount: ITERATIONS }

/** A key pair of one of our algorithms: `pkcs8` is the private key, `spki` the public one, `csr` PEM. */
export async function makeKey (algorithm) {
  const kind = KINDS[algorithm]
  const pair = await crypto.subtle.generateKey(kind, true, ['sign', 'verify'])
  const request = new pki.CertificationRequest()
  request.subject.valueBeforeDecode = Uint8Array.of(0x30, 0x00).buffer // no name at all: pkijs writes an empty part otherwise
  await request.subjectPublicKeyInfo.importKey(pair.publicKey)
  request.attributes = []
  await request.sign(pair.privateKey, kind.namedCurve === 'P-384' ? 'SHA-384' : 'SHA-256')
  return {
    pkcs8: await crypto.subtle.exportKey('pkcs8', pair.privateKey),
    spki: await crypto.subtle.exportKey('spki', pair.publicKey),
    csr: pem('CERTIFICATE REQUEST', request.toSchema(true).toBER(false))
  }
}

/** A PKCS #12 file: key and certificates under PBES2 with AES-256, a MAC by SHA-256. `chain` is DER, the key's own first. */
export async function makePkcs12 (pkcs8, chain, password, name) {
  const secret = new TextEncoder().encode(password).buffer
  const keyId = await crypto.subtle.digest('SHA-256', chain[0])
  const key = new pki.PKCS8ShroudedKeyBag({ parsedValue: pki.PrivateKeyInfo.fromBER(pkcs8) })
  await key.makeInternalValues({ password: secret, contentType: '1.2.840.113549.1.7.1', ...PBES2 })
  const certificates = chain.map((der, place) => new pki.SafeBag({
    bagId: '1.2.840.113549.1.12.10.1.3',
    bagValue: new pki.CertBag({ parsedValue: pki.Certificate.fromBER(der) }),
    bagAttributes: place === 0 ? attributes(keyId, name) : undefined
  }))
  const file = new pki.PFX({
    parsedValue: {
      integrityMode: 0,
      authenticatedSafe: new pki.AuthenticatedSafe({
        parsedValue: {
          safeContents: [
            { privacyMode: 1, value: new pki.SafeContents({ safeBags: certificates }) },
            { privacyMode: 0, value: new pki.SafeContents({ safeBags: [keyBag(key, keyId, name)] }) }
          ]
        }
      })
    }
  })
  const encrypted = { password: secret, contentType: '1.2.840.113549.1.7.1', ...PBES2 }
  await file.parsedValue.authenticatedSafe.makeInternalValues({ safeContents: [encrypted, {}] })
  await file.makeInternalValues({ password: secret, iterations: MAC_ITERATIONS, pbkdf2HashAlgorithm: 'SHA-256', hmacHashAlgorithm: 'SHA-256' })
  return file.toSchema().toBER(false)
}

function keyBag (key, keyId, name) {
  return new pki.SafeBag({ bagId: '1.2.840.113549.1.12.10.1.2', bagValue: key, bagAttributes: attributes(keyId, name) })
}

/** What tells programs which certificate belongs to the key (RFC 2985). */
function attributes (keyId, name) {
  return [
    new pki.Attribute({ type: FRIENDLY_NAME, values: [new asn1.BmpString({ value: name })] }),
    new pki.Attribute({ type: LOCAL_KEY_ID, values: [new asn1.OctetString({ valueHex: keyId })] })
  ]
}

export function pem (label, der) {
  const text = btoa(String.fromCharCode(...new Uint8Array(der)))
  return `-----BEGIN ${label}-----\n${text.match(/.{1,64}/g).join('\n')}\n-----END ${label}-----\n`
}

/** DER of all certificates in a text. */
export function certificatesOf (text) {
  const found = text.matchAll(/-----BEGIN CERTIFICATE-----([^-]+)-----END CERTIFICATE-----/g)
  return [...found].map(([, base64]) => Uint8Array.from(atob(base64.replace(/\s/g, '')), (one) => one.charCodeAt(0)).buffer)
}
