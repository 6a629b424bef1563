// Flows whose runs panic somewhere, as the worker and the client both know them.
import { createFlow } from 'flowcraft'

export const flows = {
  /** Two jobs follow from the first. */
  fan: createFlow('fan')
    .node('start', async () => ({ output: 1 }))
    .node('left', async ({ input }) => ({ output: input + 1 }))
    .node('right', async ({ input }) => ({ output: input + 2 }))
    .node('end', async () => ({ output: 'ended' }))
    .edge('start', 'left')
    .edge('start', 'right')
    .edge('left', 'end')
    .edge('right', 'end'),
  /** Its only job is its last. */
  lone: createFlow('lone').node('end', async () => ({ output: 'ended' })),
}
