// Judges end entity certificates by OCSP answers: judge.mjs ROOT ISSUING LEAF ANSWER LEAF ANSWER... prints a line
// for each pair, "good", "revoked" or what is wrong. Certificates are PEM, answers DER (RFC 6960 section 4.2.1).
// Signatures are checked by Node, in its own OpenSSL; Node has no OCSP, so the answer is taken apart here.
import { createHash, verify, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";

const OCSP_SIGNING = "1.3.6.1.5.5.7.3.9";
const SHA1 = "06052b0e03021a";

/** The value at the beginning of `octets`: its tag, its content, and all its octets. */
function first(octets) {
  let length = octets[1];
  let begin = 2;
  if (length & 0x80) {
    begin += length & 0x7f;
    length = octets.readUIntBE(2, length & 0x7f);
  }
  if (begin + length > octets.length) throw new Error("the answer ends early");
  const end = begin + length;
  return { tag: octets[0], content: octets.subarray(begin, end), whole: octets.subarray(0, end) };
}

/** The values inside of a value. */
function inside(value) {
  const found = [];
  for (let rest = value.content; rest.length; rest = rest.subarray(found.at(-1).whole.length)) {
    found.push(first(rest));
  }
  return found;
}

/** GeneralizedTime as RFC 5280 writes it. */
function moment(value) {
  const [, year, ...parts] = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(value.content.toString("latin1"));
  const [month, day, hour, minute, second] = parts;
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
}

const sha1 = (octets) => createHash("sha1").update(octets).digest();

/** What an answer names an issuer by (section 4.1.1): digests of its name, and of the bits of its key. */
function named(issuer) {
  const [toBeSigned] = inside(first(issuer.raw));
  // after version and serial number: algorithm, issuer, validity, subject, key
  const [, , , subject, key] = inside(toBeSigned).slice(2);
  return [sha1(subject.whole), sha1(inside(key)[1].content.subarray(1))];
}

/** The status in one response, if it is for the certificate, and current. */
function single(response, issuing, leaf) {
  const [identifier, status, thisUpdate, next] = inside(response);
  const [algorithm, name, key, serial] = inside(identifier);
  if (inside(algorithm)[0].whole.toString("hex") !== SHA1) return "the issuer is named by another digest";
  const wanted = named(issuing);
  if (!name.content.equals(wanted[0]) || !key.content.equals(wanted[1])) return "another issuer";
  if (BigInt(`0x${serial.content.toString("hex")}`) !== BigInt(`0x${leaf.serialNumber}`)) return "another serial";
  if (Date.now() < moment(thisUpdate) || Date.now() > moment(inside(next)[0])) return "the answer is not current";
  return { 0x80: "good", 0xa1: "revoked", 0x82: "unknown" }[status.tag];
}

function judge(root, issuing, leaf, answer) {
  for (const [one, by] of [[issuing, root], [leaf, issuing]]) {
    if (!one.checkIssued(by) || !one.verify(by.publicKey)) return "the chain does not hold";
  }
  const [state, bytes] = inside(first(answer));
  if (state.content[0] !== 0) return `no answer: ${state.content[0]}`;
  const [data, , signature, certificates] = inside(first(inside(inside(bytes)[0])[1].content));
  const signer = new X509Certificate(inside(inside(certificates)[0])[0].whole);
  if (!signer.checkIssued(issuing) || !signer.verify(issuing.publicKey)) return "a signer of another issuer";
  if (!(signer.keyUsage ?? []).includes(OCSP_SIGNING)) return "a signer without the purpose";
  if (!verify(null, data.whole, signer.publicKey, signature.content.subarray(1))) return "the signature is wrong";
  const responses = inside(data).find((field) => field.tag === 0x30);
  return single(inside(responses)[0], issuing, leaf);
}

const read = (name) => new X509Certificate(readFileSync(name));
const [root, issuing, ...pairs] = process.argv.slice(2);
for (let at = 0; at < pairs.length; at += 2) {
  console.log(judge(read(root), read(issuing), read(pairs[at]), readFileSync(pairs[at + 1])));
}
