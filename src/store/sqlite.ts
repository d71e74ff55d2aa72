// SQLite behind promises: one connection, with the calls in order.
import sqlite3 from 'sqlite3';
import { MusterError, reasonOf, systemCode } from '../errors.ts';

export type Row = Record<string, unknown>;

export class SqliteConnection {
  private readonly database: sqlite3.Database;

  private constructor(database: sqlite3.Database) {
    this.database = database;
  }

  static async open(file: string): Promise<SqliteConnection> {
    return new Promise((resolve, reject) => {
      const database = new sqlite3.Database(file, error => {
        if (error) reject(new MusterError('store-failed', `${file}: the database cannot be opened: ${error.message}`));
        else resolve(new SqliteConnection(database));
      });
    });
  }

  async exec(sql: string): Promise<void> {
    await new Promise<void>((resolve, reject) => this.database.exec(sql, error => settle(error, resolve, reject)));
  }

  async run(sql: string, ...parameters: unknown[]): Promise<void> {
    await new Promise<void>((resolve, reject) =>
      this.database.run(sql, parameters, error => settle(error, resolve, reject)),
    );
  }

  async all(sql: string, ...parameters: unknown[]): Promise<Row[]> {
    return new Promise((resolve, reject) => {
      this.database.all(sql, parameters, (error, rows) => settle(error, () => resolve(rows as Row[]), reject));
    });
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve, reject) => this.database.close(error => settle(error, resolve, reject)));
  }
}

function settle(error: Error | null, resolve: () => void, reject: (reason: Error) => void): void {
  if (!error) resolve();
  else if (systemCode(error) === 'SQLITE_FULL')
    reject(new MusterError('disk-full', 'The head has no room for its database.', { cause: error }));
  else reject(new MusterError('store-failed', `The database failed: ${reasonOf(error)}`, { cause: error }));
}
