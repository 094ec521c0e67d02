import { lookup, type LookupAddress } from 'node:dns'
import { isIP } from 'node:net'
import { fields, resolveOptions, type Field, type Fields } from '@aplomb/kernel'
import ipaddr from 'ipaddr.js'
import { HttpBlockedAddressError } from './errors.ts'
import { buildConnector } from './undici.ts'

/** What the guard lets through beside public addresses. */
export interface GuardSettings {
  /** Addresses or networks that are allowed although they are not public: `10.1.0.0/16`. */
  readonly allow?: readonly string[] | undefined
  /** Addresses or networks that are refused although they are public. */
  readonly deny?: readonly string[] | undefined
}

type Connector = ReturnType<typeof buildConnector>
type Network = readonly [ipaddr.IPv4 | ipaddr.IPv6, number]

/** The metadata service of Azure, which is at a public address. */
const alwaysDenied = ['168.63.129.16']

/** All that IANA has given out of IPv6; the rest is IPv4 in disguise (`::7f00:1`) or unassigned. */
const globalUnicast = parseNetwork('2000::/3')

/** Tells why an address must not be connected to; undefined if it may. */
export type AddressJudge = (address: string) => string | undefined

/**
 * Judges addresses: only public unicast ones may be connected to. IPv4 within IPv6, NAT64, 6to4
 * and Teredo count as what they are, not as public.
 *
 * @throws Error for a network that cannot be parsed
 */
export function addressJudge(settings: GuardSettings = {}): AddressJudge {
  const allowed = (settings.allow ?? []).map(parseNetwork)
  const denied = [...alwaysDenied, ...(settings.deny ?? [])].map(parseNetwork)
  return (address) => {
    const bare = address.split('%', 1)[0] as string
    if (!ipaddr.isValid(bare)) return 'malformed'
    const ip = ipaddr.process(bare)
    if (allowed.some((network) => isWithin(ip, network))) return undefined
    if (denied.some((network) => isWithin(ip, network))) return 'denied'
    const range = ip.range()
    if (range !== 'unicast') return range
    return ip.kind() === 'ipv4' || isWithin(ip, globalUnicast) ? undefined : 'reserved'
  }
}

const guardFields: Fields<GuardSettings> = { allow: networks(), deny: networks() }

/** Checks the `ssrfGuard` option. @throws OptionsError */
export function guardSettings(value: unknown): GuardSettings | false {
  if (value === undefined || value === false) return false
  return resolveOptions('ssrfGuard', value === true ? {} : value, guardFields)
}

function networks(): Field<readonly string[] | undefined> {
  return fields.custom<readonly string[] | undefined>(
    'a list of addresses and networks',
    (value) => Array.isArray(value) && value.every(isNetwork),
    undefined
  )
}

function isNetwork(value: unknown): boolean {
  try {
    parseNetwork(value as string)
    return true
  } catch {
    return false
  }
}

function parseNetwork(text: string): Network {
  if (text.includes('/')) return ipaddr.parseCIDR(text)
  const ip = ipaddr.process(text)
  return [ip, ip.kind() === 'ipv4' ? 32 : 128]
}

function isWithin(ip: ipaddr.IPv4 | ipaddr.IPv6, [base, bits]: Network): boolean {
  return ip.kind() === base.kind() && ip.match(base, bits)
}

/**
 * Connects only to public addresses. It looks at the addresses that a name resolved to, in the
 * very lookup whose result is connected to: a second answer of the name server cannot slip in, and
 * each hop of a redirect is looked at.
 */
export function guardedConnector(options: object, settings: GuardSettings): Connector {
  const judge = addressJudge(settings)
  const connect = buildConnector({ ...options, lookup: guardedLookup(judge) } as object)
  return (target, done) => {
    const host = target.hostname.replace(/^\[|\]$/gu, '')
    const range = isIP(host) === 0 ? undefined : judge(host)
    if (range === undefined) connect(target, done)
    else done(new HttpBlockedAddressError(host, host, range), null)
  }
}

type LookupDone = (error: Error | null, address?: string | LookupAddress[], family?: number) => void

function guardedLookup(judge: AddressJudge) {
  return (host: string, options: { all?: boolean }, done: LookupDone): void => {
    lookup(host, { ...options, all: true }, (error, addresses) => {
      if (error !== null) {
        done(error)
        return
      }
      const allowed = addresses.filter(({ address }) => judge(address) === undefined)
      const [first] = allowed
      if (first === undefined) done(refusal(host, addresses, judge))
      else if (options.all === true) done(null, allowed)
      else done(null, first.address, first.family)
    })
  }
}

function refusal(host: string, addresses: readonly LookupAddress[], judge: AddressJudge): Error {
  const address = addresses[0]?.address ?? 'nothing'
  return new HttpBlockedAddressError(host, address, judge(address) ?? 'unknown')
}
