/** `completion`. */
import type { Command } from '../command.js'

export const completionCommand: Command = {
  name: 'completion',
  summary: 'Prints a script that completes commands and flags in your shell.',
  args: [{ name: 'shell', words: 'the shell', required: true, choices: ['bash', 'zsh', 'fish'] }],
  examples: [
    { line: 'completion bash > ~/.local/share/bash-completion/completions/flowcraft-rabbitmq', words: 'for bash' },
    { line: 'completion zsh > ~/.zfunc/_flowcraft-rabbitmq', words: 'for zsh, with that folder in fpath' },
    { line: 'completion fish > ~/.config/fish/completions/flowcraft-rabbitmq.fish', words: 'for fish' },
  ],
  load: () => import('../commands/completion.js'),
}
