// Lists in parts.

/** Parts of `size`, in their order; the last may be smaller. */
export function inParts(all, size) {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, i) => all.slice(i * size, (i + 1) * size))
}
