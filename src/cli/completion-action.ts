// `muster completion bash|zsh`: prints the script for the shell; `muster __complete` returns the candidates.

import { MusterError } from '../errors.ts';
import { own } from '../own.ts';
import { BASH_SCRIPT, ZSH_SCRIPT } from './completion-scripts.ts';
import type { Action } from './table.ts';

const SCRIPTS: Readonly<Record<string, string>> = { bash: BASH_SCRIPT, zsh: ZSH_SCRIPT };

export const completionRun: Action = {
  name: 'completion',
  words: '<shell>',
  takes: { words: Object.keys(SCRIPTS) },
  summary: 'print the completion script for bash or zsh',
  examples: [
    'source <(muster completion bash)',
    'muster completion bash >/etc/bash_completion.d/muster',
    'muster completion zsh >/usr/share/zsh/site-functions/_muster',
  ],
  async run({ given, terminal }) {
    const [shell = ''] = given.words;
    const script = own(SCRIPTS, shell);
    if (script === undefined)
      throw new MusterError(
        'bad-usage',
        `muster has no completion for '${shell}', only for ${Object.keys(SCRIPTS).join(' and ')}.`,
      );
    terminal.write(script);
    return 0;
  },
};
