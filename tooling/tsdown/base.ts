import { defineConfig } from 'tsdown'

// One ESM bundle and one .d.ts per package; the syntax target is the package's engines.node.
export default defineConfig({
  entry: ['src/index.ts', 'src/*/index.ts'],
  platform: 'node',
  fixedExtension: false,
  sourcemap: true,
  dts: { sourcemap: true },
  publint: { level: 'suggestion' },
  attw: { profile: 'esm-only', level: 'error' }
})
