// Helpers of one kind, threads or processes. Each has a place. A helper starts when there is work, and another replaces it after
// it ends.
import { reasonOf } from './errors.ts';

export interface Helper {
  /** Resolves once, with the reason, when it has ended or could not be started. */
  readonly gone: Promise<string>;
}

export interface CrewRules<Member extends Helper> {
  places: number;
  /** May throw: then the place stays empty for a moment. */
  start(place: number): Member;
  /** Receives why a member ended or could not be started. */
  report(place: number, reason: string): void;
  /** Milliseconds of a steady clock. */
  now(): number;
}

/** How long a place stays empty after its member ended, in milliseconds. A member that cannot start must not use up a CPU. */
const RESTART_MS = 500;

export class Crew<Member extends Helper> {
  private readonly rules: CrewRules<Member>;
  private readonly members: (Member | undefined)[] = [];
  /** When the last member of each place ended. */
  private readonly ended: number[] = [];
  private closing = false;

  constructor(rules: CrewRules<Member>) {
    this.rules = rules;
  }

  /** The current members. */
  get all(): Member[] {
    return this.members.filter(member => member !== undefined);
  }

  /** Returns the member of a place, and starts one when the place is empty; undefined while it may not start. */
  at(place: number): Member | undefined {
    return this.members[place] ?? (this.mayStart(place) ? this.start(place) : undefined);
  }

  /** Returns a new member in the first empty place; undefined when none may be filled. */
  another(): Member | undefined {
    const place = this.emptyPlace();
    return place === undefined ? undefined : this.start(place);
  }

  /** Returns whether there is a member, or one may be started. */
  get isThere(): boolean {
    return this.all.length > 0 || this.emptyPlace() !== undefined;
  }

  /** Stops starting members and reporting their ends. The caller ends the members. */
  close(): void {
    this.closing = true;
  }

  private emptyPlace(): number | undefined {
    const places = Array.from({ length: this.rules.places }, (_, place) => place);
    return places.find(place => !this.members[place] && this.mayStart(place));
  }

  private mayStart(place: number): boolean {
    return !this.closing && this.rules.now() - (this.ended[place] ?? Number.NEGATIVE_INFINITY) >= RESTART_MS;
  }

  private start(place: number): Member | undefined {
    try {
      const member = this.rules.start(place);
      this.members[place] = member;
      void member.gone.then(reason => this.gone(place, reason));
      return member;
    } catch (error) {
      this.gone(place, `could not be started: ${reasonOf(error)}`);
      return undefined;
    }
  }

  private gone(place: number, reason: string): void {
    this.members[place] = undefined;
    this.ended[place] = this.rules.now();
    if (!this.closing) this.rules.report(place, reason);
  }
}
