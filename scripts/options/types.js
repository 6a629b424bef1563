// The doc comments of an options type, written from the schema: words, default and an example for each member.

const WIDTH = 117

/** The source with the comments of one interface written anew. */
export function commented(source, type, options) {
  const begin = source.indexOf(`export interface ${type} {\n`)
  const end = source.indexOf('\n}\n', begin)
  if (begin < 0 || end < 0) throw new Error(`There is no interface ${type}`)
  const [head, ...lines] = source.slice(begin, end).split('\n')
  const members = lines
    .join('\n')
    .replaceAll(/^ {2}\/\*\*.*?\*\/\n/gms, '')
    .split('\n')
  const written = members.flatMap((line) => {
    const option = options.find(({ name }) => line.match(/^ {2}(\w+)\??:/)?.[1] === name)
    return option ? [...comment(option), line] : [line]
  })
  // A remark for the linter stands between a comment and its member.
  return source.slice(0, begin) + remarksLast([head, ...written]).join('\n') + source.slice(end)
}

function comment({ words, required, otherwise, default: value, example }) {
  const lines = wrapped(words)
  if (!required && otherwise !== undefined) lines.push('', ...wrapped(`@defaultValue ${otherwise}`))
  else if (!required && value !== undefined) lines.push('', `@defaultValue \`${literal(value)}\``)
  lines.push('', '@example', '```ts', example, '```')
  return ['  /**', ...lines.map((line) => `   * ${line}`.trimEnd()), '   */']
}

const literal = (value) => (typeof value === 'string' ? `'${value}'` : JSON.stringify(value))

function wrapped(text) {
  const lines = ['']
  for (const word of text.split(' ')) {
    const line = lines.at(-1)
    if (line !== '' && line.length + word.length + 1 > WIDTH - 5) lines.push(word)
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`
  }
  return lines
}

function remarksLast(lines) {
  const moved = [...lines]
  for (let index = 0; index < moved.length; index++) {
    if (!moved[index].startsWith('  // ')) continue
    const end = moved.findIndex((line, at) => at > index && line === '   */')
    if (moved[index + 1] !== '  /**' || end < 0) continue
    const [remark] = moved.splice(index, 1)
    moved.splice(end, 0, remark)
    index = end
  }
  return moved
}
