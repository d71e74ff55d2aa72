// Limits of the kernel against the number of nodes: a table of facts, and what is said of each.
import test from 'ava';
import { kernelFindings } from '../../src/doctor/kernel-checks.ts';

const WIDE = { neighbours: 16_384, backlog: 4096, receiveBuffer: 4_194_304 };
const LINUX = { neighbours: 1024, backlog: 4096, receiveBuffer: 212_992 };
const nodes = (addressed: number, attached = addressed) => ({ addressed, attached });
const lines = (text = ''): string[] => text.split('\n').slice(1);

const TABLE: [string, Parameters<typeof kernelFindings>, { verdict: string; text: RegExp; sysctl?: string[] }[]][] = [
  ['nobody could say how many nodes', [undefined, LINUX], [{ verdict: 'skip', text: /Only a running musterd/ }]],
  ['a small cluster', [nodes(100), LINUX], [{ verdict: 'ok', text: /sufficient for 100 nodes/ }]],
  [
    'a large one, set up for it',
    [nodes(10_000), { ...WIDE, backlog: 16_384 }],
    [{ verdict: 'ok', text: /for 10000 nodes/ }],
  ],
  [
    'exactly four fifths of the neighbour table',
    [nodes(300, 240), { ...WIDE, neighbours: 300 }],
    [{ verdict: 'ok', text: /300/ }],
  ],
  [
    'one node more than that',
    [nodes(300, 241), { ...WIDE, neighbours: 300 }],
    [
      {
        verdict: 'warn',
        text: /remembers 300 neighbours .*241 nodes/,
        sysctl: ['net.ipv4.neigh.default.gc_thresh2 = 2048', 'net.ipv4.neigh.default.gc_thresh3 = 4096'],
      },
    ],
  ],
  [
    'five thousand nodes: the values of docs/network.md',
    [nodes(5000), { ...WIDE, neighbours: 1024, backlog: 8192 }],
    [
      {
        verdict: 'warn',
        text: /5000 nodes/,
        sysctl: ['net.ipv4.neigh.default.gc_thresh2 = 8192', 'net.ipv4.neigh.default.gc_thresh3 = 16384'],
      },
    ],
  ],
  [
    'nodes behind relay agents are nobody here whom the kernel must remember',
    [nodes(5000, 200), { ...WIDE, neighbours: 1024, backlog: 8192 }],
    [{ verdict: 'ok', text: /5000/ }],
  ],
  [
    'more nodes than connections may wait',
    [nodes(10_000), WIDE],
    [{ verdict: 'warn', text: /^Only 4096 .*10000 nodes/, sysctl: ['net.core.somaxconn = 16384'] }],
  ],
  [
    'Linux as it comes, an older one',
    [nodes(1000), { ...LINUX, backlog: 128 }],
    [
      { verdict: 'warn', text: /gc_thresh3/ },
      { verdict: 'warn', text: /^Only 128 connections .*1000 nodes/, sysctl: ['net.core.somaxconn = 4096'] },
      { verdict: 'warn', text: /at most 212992 bytes/, sysctl: ['net.core.rmem_max = 4194304'] },
    ],
  ],
  [
    'a namespace that shows no limit',
    [nodes(1000), { neighbours: undefined, backlog: undefined, receiveBuffer: undefined }],
    [{ verdict: 'skip', text: /shows none/ }],
  ],
];

for (const [title, given, wanted] of TABLE)
  test(title, t => {
    const found = kernelFindings(...given);
    t.deepEqual(
      found.map(({ verdict }) => verdict),
      wanted.map(({ verdict }) => verdict),
    );
    for (const [index, { text, sysctl }] of wanted.entries()) {
      t.regex(found[index]?.text ?? '', text);
      if (sysctl) t.deepEqual(lines(found[index]?.remedy), sysctl);
    }
  });
