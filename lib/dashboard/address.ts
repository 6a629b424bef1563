/** Where in the dashboard a request leads. Pure: by its address, and by where the handler is mounted. */

/** `redirect` is to a folder of the name that the address ends with: relative addresses begin there. */
export type Target = { redirect: string } | { name: string; query: URLSearchParams } | undefined

/**
 * @param url The address as the handler gets it.
 * @param originalUrl The one before a framework took away where the handler is mounted; Express has it.
 * @param basePath Where it is mounted, if it was said.
 */
export function targetOf(url: string, originalUrl: string | undefined, basePath: string | undefined): Target {
  const [path = '', query = ''] = splitAt(url, '?')
  const base = (basePath ?? '').replace(/\/+$/, '')
  const whole = splitAt(originalUrl ?? url, '?')[0] ?? ''
  const isMounted = originalUrl !== undefined && originalUrl !== url
  const inside = !isMounted && base !== '' ? within(path, base) : path
  if (inside === undefined) return undefined
  // Without the last slash, relative addresses would begin one folder above.
  if ((inside === '' || inside === '/') && !whole.endsWith('/')) {
    const last = whole.slice(whole.lastIndexOf('/') + 1)
    return { redirect: `./${last}/${query === '' ? '' : `?${query}`}` }
  }
  return { name: inside.replace(/^\//, ''), query: new URLSearchParams(query) }
}

function within(path: string, base: string): string | undefined {
  if (path === base) return ''
  return path.startsWith(`${base}/`) ? path.slice(base.length) : undefined
}

function splitAt(text: string, sign: string): [string, string] {
  const at = text.indexOf(sign)
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
}
