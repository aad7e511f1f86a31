/**
 * Result of a job that is not complete: the job runs again with this payload, after the jobs that are already waiting.
 */
export class JobContinuation {
  readonly payload: object

  constructor(payload: object) {
    this.payload = payload
  }
}
