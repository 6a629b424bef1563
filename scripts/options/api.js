// docs/api.md, from the declarations and doc comments that the compiler has written to dist/: what the package exports.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { compactTable } from './markdown.js'

const DIST = fileURLToPath(new URL('../../dist/', import.meta.url))

/** The whole page. */
export function apiPage() {
  const parts = ['# API', INTRODUCTION]
  for (const [title, entry] of [
    ['@flowcraft/rabbitmq-adapter', 'index.d.ts'],
    ['@flowcraft/rabbitmq-adapter/testing', 'testing/index.d.ts'],
  ]) {
    parts.push(`## ${title}`)
    for (const exported of exportsOf(entry)) parts.push(...described(exported))
  }
  return `${parts.join('\n\n')}\n`
}

const INTRODUCTION = `Everything that the package exports, written from its declarations (\`npm run options\`). What options objects
take is in [options](options.md), what commands do in [command line](cli.md), what codes mean in [errors](errors.md), and how it all
is used in [the guides](index.md#guides).`

/** What a file exports: names, and the files that declare them. Functions and classes first, as they are used. */
export function exportsOf(entry) {
  const text = readFileSync(join(DIST, entry), 'utf8')
  const found = [...text.matchAll(/^export (?:type )?\{ (.*?),? \} from '\.\/(.*?)\.js';$/gm)].flatMap(
    ([, names, file]) =>
      names.split(', ').map((name) => ({ name: name.replace('type ', ''), file: join(entry, '..', `${file}.d.ts`) })),
  )
  const rank = { function: 0, class: 1 }
  return found
    .map((each) => ({ ...each, ...declarationOf(each) }))
    .sort((one, other) => (rank[one.kind] ?? 2) - (rank[other.kind] ?? 2))
}

/** The declaration of a name: its comment, its kind, and its lines. */
function declarationOf({ name, file }) {
  const lines = readFileSync(join(DIST, file), 'utf8').split('\n')
  const head = new RegExp(`^export (?:declare )?(?:abstract )?(function|class|interface|type|const) ${name}\\b`)
  const at = lines.findIndex((line) => head.test(line))
  if (at < 0) throw new Error(`dist/${file} does not declare ${name}`)
  const [, kind] = head.exec(lines[at])
  const end = /[;}]$/.test(lines[at]) ? at : lines.findIndex((line, index) => index > at && /^\}(.*;)?$/.test(line))
  return { kind, comment: commentBefore(lines, at), lines: lines.slice(at, end + 1) }
}

/** The text of the doc comment that ends before a line. */
function commentBefore(lines, at) {
  if (!/\*\/\s*$/.test(lines[at - 1] ?? '')) return ''
  let begin = at - 1
  while (!/^\s*\/\*\*/.test(lines[begin])) begin -= 1
  return lines
    .slice(begin, at)
    .map((line) => line.replace(/^\s*(\/\*\*|\*\/|\*)? ?/, '').replace(/ ?\*\/\s*$/, ''))
    .join('\n')
    .trim()
}

/** A comment as prose: what is returned and thrown is said, examples stay with the guides. */
function prose(comment) {
  return comment
    .replaceAll(/^@example\n```.*?^```/gms, '')
    .replaceAll(/\{@link (.*?)\}/g, '`$1`')
    .replaceAll(/^@returns /gm, 'Returns: ')
    .replaceAll(/^@throws /gm, 'Throws: ')
    .replaceAll(/^@param (\S+) /gm, '`$1`: ')
    .replaceAll(/^@typeParam (\S+) /gm, '`$1`: ')
    .replaceAll(/^@defaultValue (.*)$/gm, 'Default: $1.')
    .replaceAll(/\s+/g, ' ')
    .trim()
}

function described({ name, kind, file, comment, lines }) {
  const parts = [`### \`${name}\``, prose(comment)]
  if (/^options[\\/](?!event-bus)/.test(file) && kind === 'interface')
    parts.push('Its fields are in [options](options.md).')
  else if (kind === 'class') parts.push(membersOf(lines).map(entry).join('\n'))
  else if (kind === 'interface') parts.push(fieldsOf(lines))
  else
    parts.push(
      `    ${lines.map((line) => line.replace(/^export (declare )?/, '').replaceAll('\t', '  ')).join('\n    ')}`,
    )
  return parts.filter(Boolean)
}

/** The members of a class or interface, each with its comment; what is private or the engine's own is left out. */
export function membersOf(lines) {
  const members = []
  let depth = 0
  for (const [index, line] of lines.slice(0, -1).entries()) {
    if (index > 0 && depth === 0 && /^\t[\w[<]/.test(line)) {
      members.push({ comment: commentBefore(lines, index), signature: '' })
    }
    if (members.length > 0 && !/^\t \*|^\t\/\*\*/.test(line)) members.at(-1).signature += ` ${line.trim()}`
    if (index > 0 && !/^\s*(\/\*|\*)/.test(line)) depth += count(line, '{') - count(line, '}')
  }
  return members
    .map(({ comment, signature }) => ({ comment, signature: signature.trim().replace(/;$/, '') }))
    .filter(
      ({ comment, signature }) => !/^(private|protected|#)|ClientHost/.test(signature) && !/@internal/.test(comment),
    )
}

const count = (text, character) => text.split(character).length - 1

function entry({ comment, signature }) {
  const words = prose(comment)
  return `- \`${signature}\`${words && `  \n  ${words}`}`
}

function fieldsOf(lines) {
  const members = membersOf(lines)
  if (members.length === 0) return ''
  const cell = (text) => text.replaceAll('|', '\\|')
  return compactTable([
    ['field', 'type', 'meaning'],
    ...members.map(({ comment, signature }) => {
      const [, field, type] = /^(?:readonly )?([^:(]+?)(?:: |(?=\())(.*)$/s.exec(signature)
      return [`\`${field}\``, `\`${cell(type)}\``, cell(prose(comment))]
    }),
  ])
}
