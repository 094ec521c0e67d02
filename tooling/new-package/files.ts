/** The files of a new package, by path from the root: small, but building, tested and documented. */
export function packageFiles(name: string, description: string): Record<string, string> {
  const folder = `packages/${name}`
  const noun = name.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase())
  const example = exampleText(name, noun)
  return {
    [`${folder}/package.json`]: manifestText(name, description),
    [`${folder}/tsconfig.json`]: `{ "extends": "../../tooling/tsconfig/base.json", "include": ["src", "test", "examples"] }\n`,
    [`${folder}/tsdown.config.ts`]: `export { default } from '../../tooling/tsdown/base.ts'\n`,
    [`${folder}/README.md`]: readmeText(name, description, example),
    [`${folder}/src/index.ts`]: `export { ${noun} } from './${name}.ts'\n`,
    [`${folder}/src/${name}.ts`]: sourceText(noun),
    [`${folder}/test/${name}.test.ts`]: testText(name, noun),
    [`${folder}/examples/${name}.ts`]: example,
    [`.changeset/new-${name}.md`]: `---\n'@aplomb/${name}': minor\n---\n\n${description}.\n`
  }
}

function manifestText(name: string, description: string): string {
  const manifest = {
    name: `@aplomb/${name}`,
    version: '0.0.0',
    description,
    license: 'MIT',
    files: ['dist'],
    type: 'module',
    sideEffects: false,
    exports: {
      '.': { '@aplomb/source': './src/index.ts', default: './dist/index.js' },
      './package.json': './package.json'
    },
    publishConfig: {
      exports: { '.': './dist/index.js', './package.json': './package.json' },
      access: 'public'
    },
    scripts: { build: 'tsdown', typecheck: 'tsc --noEmit' },
    dependencies: { '@aplomb/kernel': 'workspace:^' },
    engines: { node: '>=22.19.0' }
  }
  return `${JSON.stringify(manifest, null, 2).replace('["dist"]', '[\n    "dist"\n  ]')}\n`
}

function readmeText(name: string, description: string, example: string): string {
  return `# @aplomb/${name}

${description}.

\`\`\`sh
npm install @aplomb/${name}
\`\`\`

<!-- example: examples/${name}.ts -->

\`\`\`ts
${example.trimEnd()}
\`\`\`

## Options

None yet.

## Errors

None yet.

## What this does not do

Everything but the example.
`
}

function sourceText(noun: string): string {
  return `import { type Clock, systemClock } from '@aplomb/kernel'

/** Milliseconds since \`start\`, by the given clock. Replace this by the one idea of the package. */
export function ${noun}(start: number, clock: Clock = systemClock): number {
  return clock.now() - start
}
`
}

function testText(name: string, noun: string): string {
  return `import { TestClock } from '@aplomb/kernel/testing'
import { expect, it } from 'vitest'
import { ${noun} } from '../src/${name}.ts'

it('counts from the start', () => {
  const clock = new TestClock()
  expect(${noun}(clock.now() - 5, clock)).toBe(5)
})
`
}

function exampleText(name: string, noun: string): string {
  return `import { ${noun} } from '@aplomb/${name}'

console.log(${noun}(0) > 0)
`
}
