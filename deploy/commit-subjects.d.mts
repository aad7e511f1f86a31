/** What is wrong with the subject of a commit, one sentence each; empty for a good one. */
export declare function problemsOf(subject: string): string[]
