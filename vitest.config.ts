// For a bare `vitest` at the root; `pnpm vitest` and `npm test` name the file themselves.
export { default } from './tooling/vitest/config.ts'
