/** A body cut into parts of `size` bytes; in one where no size is given. */
export function* piecesOf(body: Uint8Array, size: number = body.length): Generator<Uint8Array> {
  for (let at = 0; at < body.length; at += size) yield body.subarray(at, at + size)
}
