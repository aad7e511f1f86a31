/**
 * Result of a job that has more work to do. The job is queued again with this payload, behind the jobs that already
 * wait.
 */
export class JobContinuation {
  readonly payload: object

  constructor(payload: object) {
    this.payload = payload
  }
}
