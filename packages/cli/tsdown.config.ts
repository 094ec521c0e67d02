import { defineConfig } from 'tsdown'
import base from '../../tooling/tsdown/base.ts'

export default defineConfig({ ...base, entry: ['src/index.ts', 'src/bin.ts'] })
