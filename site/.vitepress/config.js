// The site over the pages of this repository: `npm run docs` builds it. The pages stay where readers of the package find them;
// this says their order, and what becomes of links to what is no page.
import { readFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitepress'
import { navigation } from '../navigation.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const { repository } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
/** Where the repository's files can be seen, if that is known. */
const source = repository?.url?.replace(/^git\+|\.git$/g, '')

/** Links to code and folders lead to the repository, or are plain text where nobody knows it. */
function linksToSource(markdown) {
  const isPage = (href) => /^(https?:|#|mailto:)/.test(href) || /\.(md|html)(#|$)/.test(href)
  markdown.core.ruler.push('links-to-source', ({ tokens, env }) => {
    for (const { children } of tokens) {
      for (const [index, token] of (children ?? []).entries()) {
        const href = token.type === 'link_open' ? token.attrGet('href') : undefined
        if (href === undefined || isPage(href)) continue
        const path = join(env.relativePath ?? '', '..', href)
        if (source) token.attrSet('href', `${source}/blob/main/${path}`)
        else for (const end of children.slice(index)) if (unlinked(token, end)) break
      }
    }
  })
}

/** Makes a link a span, from its beginning to its end. */
function unlinked(begin, end) {
  if (begin.type === 'link_open') Object.assign(begin, { type: 'span_open', tag: 'span', attrs: null })
  if (end.type !== 'link_close') return false
  Object.assign(end, { type: 'span_close', tag: 'span' })
  return true
}

export default defineConfig({
  title: '@flowcraft/rabbitmq-adapter',
  description: 'Runs flowcraft workflows over RabbitMQ, PostgreSQL and Redis',
  srcDir: '..',
  srcExclude: ['{target,__test__,src,tests,npm,scripts,lib,dist,site}/**', 'examples/node_modules/**'],
  outDir: fileURLToPath(new URL('../dist', import.meta.url)),
  cacheDir: fileURLToPath(new URL('../.cache', import.meta.url)),
  markdown: { config: linksToSource },
  themeConfig: {
    search: { provider: 'local' },
    nav: [
      { text: 'Begin', link: '/docs/getting-started' },
      { text: 'Options', link: '/docs/options' },
      { text: 'Examples', link: '/examples/README' },
    ],
    sidebar: navigation,
    outline: [2, 3],
  },
  async buildEnd({ outDir }) {
    await mkdir(outDir, { recursive: true })
    const to = './docs/index.html'
    await writeFile(join(outDir, 'index.html'), `<!doctype html><meta http-equiv="refresh" content="0; url=${to}">\n`)
  },
})
