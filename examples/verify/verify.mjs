// Verifies a packet with the keys that MetaGate publishes: node verify.mjs PACKET SIGNATURE JWKS
//
// PACKET is a file with the body of a bootstrap's answer, SIGNATURE its header
// Metagate-Signature, JWKS a file with GET /.well-known/jwks.json.
import { createPublicKey, verify as ed25519 } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'

const notSigned = ['packet_id', 'packet_etag', 'issued_at', 'startup', 'manifest_version']

// A number as it was written: some are no double, which JSON.parse would make of them.
class Literal {
  constructor(text) { this.text = text }
}

// Numbers become strings that no string can be: the text of a string has no raw U+0001.
function parse(text) {
  const marked = text.replace(/"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g,
    (token) => (token[0] === '"' ? token : `{"\\u0001":"${token}"}`))
  return JSON.parse(marked, (_, value) => (value?.['\u0001'] === undefined ? value : new Literal(value['\u0001'])))
}

// RFC 8785 writes a double as ECMAScript does; what isn't that very double stays.
function number(text) {
  const written = String(Number(text) + 0)
  return Number.isFinite(Number(text)) && decimal(written) === decimal(text) ? written : text
}

function decimal(text) {
  const [, sign, whole, fraction = '', exponent = '0'] = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text)
  const digits = (whole + fraction).replace(/^0+/, '')
  const short = digits.replace(/0+$/, '')
  return short === '' ? '0' : `${sign}${short}e${BigInt(exponent) - BigInt(fraction.length) + BigInt(digits.length - short.length)}`
}

function canonical(value) {
  if (value instanceof Literal) return number(value.text)
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  return `{${Object.keys(value).sort().map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(',')}}`
}

// verify returns the packet and what the signature says of it, or throws.
export function verify(text, signature, jwks) {
  const packet = parse(text)
  const content = canonical(Object.fromEntries(Object.entries(packet).filter(([name]) => !notSigned.includes(name))))
  const [head, , sig] = signature.split('.')
  const says = JSON.parse(Buffer.from(head, 'base64url'))
  const jwk = JSON.parse(jwks).keys.find((key) => key.kid === says.kid)
  const signed = Buffer.from(`${head}.${Buffer.from(content).toString('base64url')}`)
  if (!jwk || !ed25519(null, signed, createPublicKey({ key: jwk, format: 'jwk' }), Buffer.from(sig, 'base64url'))) {
    throw new Error('the packet does not verify')
  }
  return { packet, says }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [packet, signature, jwks] = process.argv.slice(2)
  try {
    const verified = verify(readFileSync(packet, 'utf8'), signature, readFileSync(jwks, 'utf8'))
    console.log(verified.packet.principal_key, verified.packet.component_key, 'at revision', verified.says.rev)
  } catch (error) {
    console.error(error.message)
    process.exit(1)
  }
}
