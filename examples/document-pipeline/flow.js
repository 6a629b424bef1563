// A folder of documents becomes an index: each document is read by itself, on whichever worker is free.
import { createFlow } from 'flowcraft'

export const flows = {
  documents: createFlow('documents')
    .node('list', async ({ context, dependencies }) => ({
      output: await dependencies.archive.list(await context.get('folder')),
    }))
    // One job for each document. What is retried is a document, not the batch.
    .batch(
      'read',
      async ({ input: name, dependencies }) => {
        const words = (await dependencies.archive.text(name)).toLowerCase().match(/\p{L}+/gu) ?? []
        return { output: { name, words: [...new Set(words)] } }
      },
      { inputKey: 'list', outputKey: 'documents' },
    )
    .node('index', async ({ context, dependencies }) => {
      const index = {}
      for (const { name, words } of await context.get('documents')) {
        for (const word of words) index[word] = [...(index[word] ?? []), name]
      }
      // Large results belong into a store of your own; the run keeps where they are.
      return { output: await dependencies.archive.save(`${await context.get('folder')}.json`, index) }
    })
    .edge('list', 'read')
    .edge('read', 'index'),
}
