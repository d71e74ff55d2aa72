// Metrics for Prometheus: boots by stage, transfers, nodes, storage, the process. prom-client provides the format and the
// process's own.
import { statfs } from 'node:fs/promises';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Happening } from '../api/daemon.ts';
import { STAGES, type Stage } from '../boot/journey.ts';
import { NODE_STATES, type NodeState } from '../boot/states.ts';
import { Latest } from '../latest.ts';

/** Boots tracked at a time; the oldest is dropped first. */
const FOLLOWED = 20_000;

const STAGE_BUCKETS = [0.1, 0.5, 1, 2, 5, 10, 20, 40, 80, 160, 320, 640];
const BOOT_BUCKETS = [10, 20, 30, 45, 60, 90, 120, 180, 300, 600, 1200];

/** What the servers do now, and have done since the start. */
export interface Served {
  /** Addresses that are leased. */
  leases: number;
  /** Images being sent, and nodes in the queue. */
  images: { running: number; queued: number };
  tftp?: { active: number; finished: number; failed: number; bytes: number };
  iscsi?: { sessions: number; commands: number; readBytes: number; writtenBytes: number };
}

export interface MetricsPorts {
  version: string;
  stateFolder: string;
  /** Returns the number of nodes in each state. */
  nodeStates(): Iterable<NodeState>;
  unknownMachines(): number;
  /** Commits so far. */
  sequence(): number;
  served(): Served;
}

export class Metrics {
  private readonly registry = new Registry();
  /** When a boot began, and its latest stage with its time, by the boot's id. */
  private readonly boots = new Latest<string, { began: number; stage: Stage; at: number }>(FOLLOWED);
  private readonly stages: Counter<'stage'>;
  private readonly errors: Counter<'stage'>;
  private readonly bytes: Counter<'stage'>;
  private readonly stageSeconds: Histogram<'stage'>;
  private readonly bootSeconds: Histogram;

  constructor(ports: MetricsPorts) {
    const registers = [this.registry];
    const labelNames = ['stage'] as const;
    collectDefaultMetrics({ register: this.registry });
    this.stages = new Counter({
      name: 'muster_boot_stages_total',
      help: 'Stages that boots reached.',
      labelNames,
      registers,
    });
    this.errors = new Counter({
      name: 'muster_boot_errors_total',
      help: 'Errors of boots, by their stage.',
      labelNames,
      registers,
    });
    this.bytes = new Counter({
      name: 'muster_boot_bytes_total',
      help: 'Bytes sent to booting nodes, by the stage they belong to.',
      labelNames,
      registers,
    });
    this.stageSeconds = new Histogram({
      name: 'muster_boot_stage_seconds',
      help: 'Time from the stage before to this one.',
      labelNames,
      buckets: STAGE_BUCKETS,
      registers,
    });
    this.bootSeconds = new Histogram({
      name: 'muster_boot_seconds',
      help: 'Time from the first packet to up.',
      buckets: BOOT_BUCKETS,
      registers,
    });
    for (const stage of STAGES) for (const counter of [this.stages, this.errors, this.bytes]) counter.inc({ stage }, 0);
    this.addGauges(ports);
    this.addServed(ports.served);
  }

  /** The registry's own text format, version 0.0.4. */
  async text(): Promise<string> {
    return this.registry.metrics();
  }

  /** Returns the number of tracked boots. */
  get followed(): number {
    return this.boots.size;
  }

  /** Counts an event, if it belongs to a boot. */
  happened(happening: Happening): void {
    if (happening.type !== 'boot') return;
    const { stage, bytes, error, at } = happening.event;
    if (bytes !== undefined) this.bytes.inc({ stage }, bytes);
    if (error !== undefined) {
      this.errors.inc({ stage });
      return;
    }
    const before = this.boots.get(happening.boot);
    if (!before) this.boots.set(happening.boot, { began: at, stage, at });
    // A stage repeats its notes, and a late one of an earlier stage is no progress.
    else if (STAGES.indexOf(stage) > STAGES.indexOf(before.stage)) {
      this.stageSeconds.observe({ stage }, Math.max(0, at - before.at) / 1000);
      this.boots.set(happening.boot, { ...before, stage, at });
    } else return;
    this.stages.inc({ stage });
    if (stage !== 'up') return;
    if (before) this.bootSeconds.observe((at - before.began) / 1000);
  }

  private addGauges({ version, stateFolder, nodeStates, unknownMachines, sequence }: MetricsPorts): void {
    const registers = [this.registry];
    const gauge = (name: string, help: string, value: () => number | Promise<number>): Gauge =>
      new Gauge({
        name,
        help,
        registers,
        async collect() {
          this.set(await value());
        },
      });
    new Gauge({
      name: 'muster_build_info',
      help: 'Always 1; the version is a label.',
      labelNames: ['version'],
      registers,
    }).set({ version }, 1);
    new Gauge({
      name: 'muster_nodes',
      help: 'Nodes by state.',
      labelNames: ['state'],
      registers,
      collect() {
        for (const state of NODE_STATES) this.set({ state }, 0);
        for (const state of nodeStates()) this.inc({ state });
      },
    });
    gauge('muster_unknown_machines', 'Machines that asked for an address and are not nodes.', unknownMachines);
    gauge('muster_commits', 'Changes of objects since the database was made.', sequence);
    gauge('muster_storage_free_bytes', 'Free space on the file system of paths.state.', async () => {
      const { bavail, bsize } = await statfs(stateFolder);
      return bavail * bsize;
    });
  }

  /** Adds the servers' own counters: read on request. */
  private addServed(served: () => Served): void {
    const registers = [this.registry];
    const gauge = (name: string, help: string, value: (now: Served) => number): void => {
      new Gauge({
        name,
        help,
        registers,
        collect() {
          this.set(value(served()));
        },
      });
    };
    const counter = <L extends string>(
      name: string,
      help: string,
      label: L | undefined,
      values: (now: Served) => readonly (readonly [string, number])[],
    ): void => {
      new Counter({
        name,
        help,
        labelNames: label === undefined ? [] : [label],
        registers,
        collect() {
          this.reset();
          for (const [of, value] of values(served()))
            if (label === undefined) this.inc(value);
            else this.inc({ [label]: of } as Record<L, string>, value);
        },
      });
    };
    gauge('muster_leases', 'Current leases.', now => now.leases);
    gauge('muster_image_transfers', 'Images that are sent over HTTP now.', now => now.images.running);
    gauge('muster_image_queue', 'Nodes that wait for their image.', now => now.images.queued);
    gauge('muster_tftp_transfers', 'TFTP transfers under way.', now => now.tftp?.active ?? 0);
    gauge('muster_iscsi_sessions', 'iSCSI sessions that are logged in.', now => now.iscsi?.sessions ?? 0);
    counter('muster_tftp_transfers_total', 'TFTP transfers that have ended.', 'result', ({ tftp }) => [
      ['finished', tftp?.finished ?? 0],
      ['failed', tftp?.failed ?? 0],
    ]);
    counter('muster_tftp_bytes_total', 'Bytes sent by TFTP.', undefined, ({ tftp }) => [['', tftp?.bytes ?? 0]]);
    counter('muster_iscsi_commands_total', 'SCSI commands that were answered.', undefined, ({ iscsi }) => [
      ['', iscsi?.commands ?? 0],
    ]);
    counter('muster_iscsi_bytes_total', 'Bytes of SCSI commands.', 'direction', ({ iscsi }) => [
      ['read', iscsi?.readBytes ?? 0],
      ['written', iscsi?.writtenBytes ?? 0],
    ]);
  }
}
