// A machine with one word per action: a site's own driver, the lab, and what others build on them.
import type { NextBoot, PowerReading, PowerTarget } from './driver.ts';

export abstract class WordTarget implements PowerTarget {
  abstract readonly name: string;
  abstract status(): Promise<PowerReading>;
  protected abstract ask(...words: string[]): Promise<unknown>;

  async on(): Promise<void> {
    await this.ask('on');
  }

  async off(): Promise<void> {
    await this.ask('off');
  }

  async cycle(): Promise<void> {
    await this.ask('cycle');
  }

  async reset(): Promise<void> {
    await this.ask('reset');
  }

  async bootNext(device: NextBoot, _efi?: boolean): Promise<void> {
    await this.ask('boot', device);
  }
}
