// `muster lab`: a private virtual cluster on this machine, from firmware to heartbeat.
import { action } from './table.ts';

export const labRun = action({
  name: 'lab',
  summary: 'run a private virtual cluster on this machine: musterd, and nodes that boot from it with real firmware',
  options: [
    { flags: '--once', meaning: 'exit with status 0 when the nodes are up, or with another status and the reason' },
    { flags: '--nodes <count>', meaning: 'how many nodes; default: 1' },
    { flags: '--firmware <kind>', meaning: 'bios, uefi, uefi-http or uefi-secure; default: bios' },
    { flags: '--style <style>', meaning: 'rwram, roram, iscsi or disked; default: roram' },
    { flags: '--memory <megabytes>', meaning: 'memory of each node' },
    { flags: '--accel <kind>', meaning: 'auto, kvm or tcg (emulation); default: MUSTER_LAB_ACCEL, then auto' },
    { flags: '--keep-logs <folder>', meaning: 'keep the logs of musterd and the serial consoles in this folder' },
  ],
  examples: ['muster lab', 'muster lab --once --firmware uefi --style rwram', 'muster lab --nodes 4'],
  async run({ given, terminal }) {
    // Loaded on demand, because tab completion loads this table with each key.
    const { labCommand } = await import('../../lab/command.ts');
    return labCommand(given.options, line => terminal.write(`${line}\n`));
  },
});
