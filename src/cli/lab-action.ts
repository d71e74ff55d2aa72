// `muster lab`: a private virtual cluster on this machine, from firmware to heartbeat.
import { action } from './table.ts';

export const labRun = action({
  name: 'lab',
  summary: 'a private virtual cluster on this machine: musterd, and nodes with real firmware that boot from it',
  options: [
    { flags: '--once', meaning: 'end when the nodes are up: status 0, or another with the reason' },
    { flags: '--nodes <count>', meaning: 'how many nodes; 1 when not given' },
    { flags: '--firmware <kind>', meaning: 'bios, uefi, uefi-http or uefi-secure; bios when not given' },
    { flags: '--style <style>', meaning: 'rwram, roram, iscsi or disked; roram when not given' },
    { flags: '--memory <megabytes>', meaning: 'memory of each node' },
    { flags: '--accel <kind>', meaning: 'auto, kvm or tcg (emulation); else as MUSTER_LAB_ACCEL says, else auto' },
    { flags: '--keep-logs <folder>', meaning: 'keep the logs of the daemon and the serial consoles there' },
  ],
  examples: ['muster lab', 'muster lab --once --firmware uefi --style rwram', 'muster lab --nodes 4'],
  async run({ given, terminal }) {
    // Loaded when it is wanted: the shell's tab completion loads this table with each key.
    const { labCommand } = await import('../lab/command.ts');
    return labCommand(given.options, line => terminal.write(`${line}\n`));
  },
});
