/** Returns one sentence per problem of a commit subject; empty for a valid subject. */
export declare function problemsOf(subject: string): string[]
