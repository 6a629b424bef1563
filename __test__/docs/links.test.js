// Every link of every page leads somewhere: to a file that is there, and to a heading that it has.
import assert from 'node:assert/strict'
import { access, readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const top = (await readdir(root)).filter((name) => name.endsWith('.md'))
const docs = (await readdir(join(root, 'docs'))).filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`)
const pages = [...top, ...docs, 'bench/README.md']

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

  it('the README lead to every page of docs', async () => {
    const links = linksOf(await prose('README.md')).map((target) => target.split('#')[0])
    assert.deepEqual(
      docs.filter((page) => !links.includes(page)),
      [],
    )
  })
})

describe('the README', () => {
  it('has at most 300 lines', async () => {
    const lines = (await readFile(join(root, 'README.md'), 'utf8')).split('\n').length - 1
    assert.ok(lines <= 300, `${lines} lines`)
  })
})
