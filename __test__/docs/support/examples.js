// The examples in doc comments, from the declarations that users get, and the code of them as programs.
import { transform } from 'esbuild'
import { exportsOf, membersOf } from '../../../scripts/options/api.js'
import { blocksOf, programOf } from '../../fixtures/pages.js'

const ENTRIES = ['index.d.ts', 'testing/index.d.ts', 'dashboard/index.d.ts']
const METHOD = /^(get |\w+(<.*?>)?\(|\[[\w.]+\]\(|readonly \w+: (<.*?>)?\()/
const NAME = /^(?:readonly |get )*(\w+|\[[\w.]+\])/

/** What users implement, and we call. */
const THEIRS = ['AdapterEventBus', 'AmqpConnectionLike', 'IoRedisLike', 'PgClientLike', 'TransactionLike', 'ValueCodec']

/** What the package exports: each declaration, and each member of it, with its examples and whether it has to have one. */
function everything() {
  return ENTRIES.flatMap(exportsOf).flatMap(({ name, kind, comment, lines, file }) => {
    const members = kind === 'class' || kind === 'interface' ? membersOf(lines) : []
    const isError = /^errors\b/.test(file)
    const own = { name, needed: kind === 'function', examples: examplesIn(comment) }
    return [
      { ...own, isOption: false },
      ...members.map(({ comment: words, signature }) => {
        const [, member] = NAME.exec(signature)
        const isMade = member === 'constructor' && (own.examples.length > 0 || isError)
        const needed = METHOD.test(signature) && !THEIRS.includes(name) && !isMade
        const isOption = !METHOD.test(signature)
        return { name: `${name}.${member}`, needed, isOption, examples: examplesIn(words) }
      }),
    ]
  })
}

const examplesIn = (comment) => (/^@example$/m.test(comment) ? blocksOf(comment.split(/^@example$/m)[1], 'ts') : [])

const ALL = everything()

/** The functions and methods without an example. */
export const missing = ALL.filter(({ needed, examples }) => needed && examples.length === 0).map(({ name }) => name)

/** The examples by their names, without those of options. */
export const examples = new Map(
  ALL.filter(({ isOption, examples }) => !isOption && examples.length > 0).map(({ name, examples }) => [
    name,
    examples.join('\n'),
  ]),
)

/** TypeScript as Node.js 20 runs it: without types, and with what `await using` stands for. */
async function lowered(code) {
  const lines = code.split('\n')
  const imports = lines.filter((line) => line.startsWith('import '))
  const rest = lines.filter((line) => !line.startsWith('import '))
  const options = { loader: 'ts', target: 'node20' }
  const { code: plain } = await transform(`async function example() {\n${rest.join('\n')}\n}`, options)
  return `${imports.join('\n')}\n${plain}\nreturn example()`
}

/** Runs code with these names in scope, but for those that it imports. */
export async function runs(code, scope) {
  const names = Object.keys(scope).filter((name) => !new RegExp(`^import .*\\b${name}\\b`, 'm').test(code))
  return programOf(await lowered(code), names)(scope)
}
