import test from 'ava';
import { bootsText } from '../../src/cli/boots-action.ts';

test('boots by stage, the images in one line with rate and remaining time, and with -l each of them', t => {
  const shown = {
    boots: [
      { node: 'n0', boot: 'a', stage: 'image', seconds: 9 },
      { node: 'n1', boot: 'b', stage: 'image', seconds: 9 },
      { node: 'n2', boot: 'c', stage: 'kernel', seconds: 9, reason: 'kernel: no' },
    ],
    transfers: [
      { node: 'n0', boot: 'a', state: 'running' as const, done: 50 << 20, size: 100 << 20, rate: 10 << 20, seconds: 5 },
      { node: 'n1', boot: 'b', state: 'queued' as const, done: 0, size: 100 << 20, place: 1, seconds: 5 },
    ],
  };
  t.is(
    bootsText(shown, true),
    [
      'image: 2 (n[0-1])',
      'stuck: kernel: no: 1 (n2)',
      'images: 1 running, 1 queued, 10.0 MiB/s, 150.0 MiB to send, 0:00:15 remaining',
      '  n0: 50 % of 100.0 MiB, 10.0 MiB/s, 0:00:05 remaining',
      '  n1: place 1 in the queue, starts in 0:00:05',
      '',
    ].join('\n'),
  );
  t.is(bootsText({ boots: [], transfers: [] }, false), 'No boots are in progress.\n');
});
