import { createSign, generateKeyPairSync } from 'node:crypto'

/** What a certificate of ours is for. */
export interface CertificateOptions {
  /** Names besides `localhost` and 127.0.0.1. */
  readonly names?: readonly string[]
  /** Make it out of date. Default: false. */
  readonly expired?: boolean
}

/** A private key and its certificate, both as PEM. */
export interface KeyAndCertificate {
  readonly key: string
  readonly cert: string
}

// Object identifiers in DER (RFC 5758, RFC 5280).
const ecdsaWithSha256 = der(0x06, Buffer.from('2a8648ce3d040302', 'hex'))
const commonName = der(0x06, Buffer.from('550403', 'hex'))
const subjectAltName = der(0x06, Buffer.from('551d11', 'hex'))

/** A fresh certificate that nobody trusts unless told to: X.509 v3 (RFC 5280, 4.1). */
export function selfSigned({ names = [], expired = false }: CertificateOptions): KeyAndCertificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const algorithm = sequence(ecdsaWithSha256)
  const name = sequence(der(0x31, sequence(commonName, der(0x0c, Buffer.from('aplomb mocks')))))
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.from([1])),
    algorithm,
    name,
    sequence(newYear(2020), newYear(expired ? 2021 : 2049)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(sequence(subjectAltName, der(0x04, altNames(['localhost', ...names])))))
  )
  const signature = createSign('sha256').update(body).sign(privateKey)
  // A bit string begins with the count of its unused bits.
  const bits = der(0x03, Buffer.concat([Buffer.from([0]), signature]))
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
  return { key, cert: pem(sequence(body, algorithm, bits)) }
}

function altNames(names: readonly string[]): Buffer {
  const dns = names.map((name) => der(0x82, Buffer.from(name)))
  return sequence(der(0x87, Buffer.from([127, 0, 0, 1])), ...dns)
}

function pem(certificate: Buffer): string {
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? []
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n')
}

function sequence(...parts: Buffer[]): Buffer {
  return der(0x30, Buffer.concat(parts))
}

function newYear(year: number): Buffer {
  return der(0x17, Buffer.from(`${String(year % 100).padStart(2, '0')}0101000000Z`))
}

/** One value: its tag, its length, itself (X.690, 8.1). */
function der(tag: number, content: Buffer): Buffer {
  const { length } = content
  const size =
    length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}
