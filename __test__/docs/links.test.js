// Every link of every page leads somewhere: to a file that is there, and to a heading that it has.
import assert from 'node:assert/strict'
import { access, readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { navigation } from '../../site/navigation.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const top = (await readdir(root)).filter((name) => name.endsWith('.md'))
const docs = (await readdir(join(root, 'docs'))).filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`)
// Not recursively: what is installed beside them leads back here.
const folders = (await readdir(join(root, 'examples'), { withFileTypes: true })).filter((entry) => entry.isDirectory())
const projects = folders.map(({ name }) => name).filter((name) => name !== 'node_modules')
const examples = ['examples/README.md', ...projects.map((name) => `examples/${name}/README.md`)]
const pages = [...top, ...docs, ...examples, 'bench/README.md']

/** The text of a page without its code. */
async function prose(path) {
  const text = await readFile(join(root, path), 'utf8')
  return text.replaceAll(/^ *```.*?^ *```/gms, '').replaceAll(/`[^`\n]*`/g, (code) => code.replaceAll(/[[\]()]/g, ' '))
}

/** The anchors that a page has: of its headings, as GitHub makes them. */
async function anchorsOf(path) {
  const text = (await readFile(join(root, path), 'utf8')).replaceAll(/^ *```.*?^ *```/gms, '')
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

const linksOf = (text) => [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target)

async function isThere(path) {
  return access(join(root, path)).then(
    () => true,
    () => false,
  )
}

describe('the links of', () => {
  for (const page of pages) {
    it(page, async () => {
      const broken = []
      for (const target of linksOf(await prose(page))) {
        if (/^https?:/.test(target)) {
          assert.doesNotThrow(() => new URL(target), target)
          continue
        }
        const [path, anchor] = target.split('#')
        const leadsTo = path === '' ? page : join(dirname(page), path)
        if (!(await isThere(leadsTo))) broken.push(target)
        else if (anchor !== undefined && !(await anchorsOf(leadsTo)).includes(anchor)) broken.push(target)
      }
      assert.deepEqual(broken, [])
    })
  }

  it('the map of the documentation lead to every page of it, and the README to the map', async () => {
    const reached = linksOf(await prose('docs/index.md')).map((target) => join('docs', target.split('#')[0]))
    assert.deepEqual(
      docs.filter((page) => page !== 'docs/index.md' && !reached.includes(page)),
      [],
    )
    assert.ok(linksOf(await prose('README.md')).includes('docs/index.md'))
  })

  it('the examples’ page lead to every example', async () => {
    const reached = linksOf(await prose('examples/README.md')).map((target) => join('examples', target))
    assert.deepEqual(
      examples.filter((page) => page !== 'examples/README.md' && !reached.includes(page)),
      [],
    )
  })
})

describe('the site', () => {
  const linked = (items) => items.flatMap(({ link, items = [] }) => [...(link ? [link] : []), ...linked(items)])

  it('has every page in its navigation, once, and nothing else', () => {
    const shown = linked(navigation).map((link) => `${link.slice(1)}.md`)
    assert.deepEqual(shown.sort(), [...pages, 'bench/RESULTS.md'].sort())
  })
})

describe('the README', () => {
  it('has at most 300 lines', async () => {
    const lines = (await readFile(join(root, 'README.md'), 'utf8')).split('\n').length - 1
    assert.ok(lines <= 300, `${lines} lines`)
  })
})
