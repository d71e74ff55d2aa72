// The daemon: whether it runs, its version and configuration, and whether all stored files are there.
import { version } from '../package-root.ts';
import { type Finding, finding, type Patient } from './finding.ts';

export function checkDaemon({ config, health, silence }: Patient): Finding[] {
  const say = finding('daemon');
  if (!health)
    return [
      say(
        'fail',
        silence ?? 'musterd does not answer.',
        'systemctl start musterd; journalctl -u musterd says why it ended.',
      ),
    ];
  const findings: Finding[] = [];
  if (health.version !== version)
    findings.push(
      say('warn', `musterd is ${health.version}, this command line ${version}.`, 'systemctl restart musterd'),
    );
  const differs = (
    [
      ['head.address', health.address],
      ['http.port', health.http_port],
    ] as const
  ).filter(([key, value]) => config[key] !== value);
  for (const [key, value] of differs)
    findings.push(
      say('warn', `musterd runs with ${key} ${value}, the file says ${config[key]}.`, 'systemctl restart musterd'),
    );
  return findings.length > 0
    ? findings
    : [say('ok', `musterd ${health.version} runs on ${health.address} as process ${health.pid}.`)];
}

export function checkStoredFiles({
  health,
  missing,
  short,
  damaged,
}: Pick<Patient, 'health' | 'missing' | 'short' | 'damaged'>): Finding[] {
  const say = finding('stored files');
  if (!health) return [say('skip', 'Only a running musterd knows which files must be there.')];
  if (missing.length + short.length + (damaged?.length ?? 0) === 0)
    return [
      damaged
        ? say('ok', 'All files that objects name are there, and every stored file has the right bytes.')
        : say('ok', 'All files that objects name are there, with the right sizes. --deep reads them.'),
    ];
  const faults = [
    ...missing.map(({ sha256, keptBy }) => ({ sha256, keptBy, what: 'is gone, and' })),
    ...short.map(({ sha256, keptBy, size, wanted }) => ({
      sha256,
      keptBy,
      what: `has ${size} of ${wanted} bytes, and is`,
    })),
    // A short file was named already.
    ...(damaged ?? [])
      .filter(({ sha256 }) => !short.some(file => file.sha256 === sha256))
      .map(({ sha256, keptBy, problem }) => ({ sha256, keptBy, what: `${problem}, and is` })),
  ];
  return faults.map(({ sha256, keptBy, what }) =>
    say(
      'fail',
      `${sha256.slice(0, 12)} ${what} wanted by ${keptBy.length > 0 ? keptBy.join(', ') : 'nothing'}.`,
      keptBy.length > 0 ? 'Upload it again (update …=@FILE), or muster restore.' : 'muster storage gc removes it.',
    ),
  );
}
