// The page of the dashboard, as files that any folder of any server can hold: every address in it is relative.
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

export default defineConfig({
  root: import.meta.dirname,
  base: './',
  plugins: [react()],
  build: {
    outDir: '.built',
    emptyOutDir: true,
    target: 'es2022',
    // Its policy lets in no address that is data.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 700,
    license: { fileName: 'licenses.txt' },
  },
  worker: { format: 'es' },
})
