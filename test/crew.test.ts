import test from 'ava';
import { Crew } from '../src/crew.ts';

interface Fake {
  gone: Promise<string>;
  end(reason: string): void;
}

function fake(): Fake {
  let end: (reason: string) => void = () => {};
  const gone = new Promise<string>(resolve => {
    end = resolve;
  });
  return { gone, end };
}

test('each place has one member; it is started when asked for, and again a moment after its end', async t => {
  let now = 0;
  const reports: string[] = [];
  const started: number[] = [];
  const crew = new Crew<Fake>({
    places: 2,
    start: place => {
      started.push(place);
      return fake();
    },
    report: (place, reason) => reports.push(`${place} ${reason}`),
    now: () => now,
  });
  t.deepEqual(crew.all, []);
  t.true(crew.isThere);
  const first = crew.at(1);
  t.is(crew.at(1), first);
  const other = crew.another();
  t.is(crew.another(), undefined, 'both places are taken');
  t.deepEqual(started, [1, 0]);
  first?.end('crashed');
  await new Promise(setImmediate);
  t.deepEqual([reports, crew.all, crew.at(1)], [['1 crashed'], [other], undefined]);
  now += 500;
  t.truthy(crew.at(1));
  crew.close();
  other?.end('ended');
  await new Promise(setImmediate);
  t.deepEqual(reports, ['1 crashed'], 'an end after `close` is no news');
  t.is(crew.at(0), undefined);
});

test('a member that cannot be started is reported, and tried again a moment later', t => {
  let now = 0;
  let tries = 0;
  const reports: string[] = [];
  const crew = new Crew<Fake>({
    places: 1,
    start: () => {
      tries += 1;
      throw new Error('EAGAIN');
    },
    report: (_place, reason) => reports.push(reason),
    now: () => now,
  });
  t.is(crew.another(), undefined);
  t.is(crew.another(), undefined);
  t.false(crew.isThere);
  t.is(tries, 1);
  now += 500;
  t.is(crew.at(0), undefined);
  t.is(tries, 2);
  t.deepEqual(reports, ['could not be started: EAGAIN', 'could not be started: EAGAIN']);
});
