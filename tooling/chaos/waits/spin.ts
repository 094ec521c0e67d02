/** Keeps its thread busy for so long, and listens to nothing. */
export default function spin(milliseconds: number): string {
  const end = performance.now() + milliseconds
  while (performance.now() < end);
  return 'done'
}
