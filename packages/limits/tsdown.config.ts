export { default } from '../../tooling/tsdown/base.ts'
