// Rows of public test suites. Data only.

interface AwsResponse {
  readonly response: { readonly status_code: number; readonly error_code?: string }
  readonly expected: {
    readonly outcome: string
    readonly retry_quota: number
    /** Seconds. */
    readonly delay?: number
  }
}

interface AwsCase {
  readonly name: string
  readonly given: {
    readonly max_attempts?: number
    readonly initial_retry_tokens?: number
    readonly exponential_base?: number
  }
  readonly responses: readonly AwsResponse[]
}

/** smithy-lang/smithy-typescript 6815d3e96 retries.integ.spec.ts, Apache-2.0. */
export const awsSpec: readonly AwsCase[] = [
  {
    name: 'Retry eventually succeeds',
    given: {
      exponential_base: 1
    },
    responses: [
      {
        response: {
          status_code: 500
        },
        expected: {
          outcome: 'retry_request',
          retry_quota: 486,
          delay: 0.05
        }
      },
      {
        response: {
          status_code: 500
        },
        expected: {
          outcome: 'retry_request',
          retry_quota: 472,
          delay: 0.1
        }
      },
      {
        response: {
          status_code: 200
        },
        expected: {
          outcome: 'success',
          retry_quota: 486
        }
      }
    ]
  },
  {
    name: 'Fail due to max attempts reached',
    given: {
      exponential_base: 1
    },
    responses: [
      {
        response: {
          status_code: 502
        },
        expected: {
          outcome: 'retry_request',
          retry_quota: 486,
          delay: 0.05
        }
      },
      {
        response: {
          status_code: 502
        },
        expected: {
          outcome: 'retry_request',
          retry_quota: 472,
          delay: 0.1
        }
      },
      {
        response: {
          status_code: 502
        },
        expected: {
          outcome: 'max_attempts_exceeded',
          retry_quota: 472
        }
      }
    ]
  },
  {
    name: 'Retry Quota reached after a single retry',
    given: {
      initial_retry_tokens: 14,
      exponential_base: 1
    },
    responses: [
      {
        response: {
          status_code: 500
        },
        expected: {
          outcome: 'retry_request',
          retry_quota: 0,
          delay: 0.05
        }
      },
      {
        response: {
          status_code: 500
        },
        expected: {
          outcome: 'retry_quota_exceeded',
          retry_quota: 0
        }
      }
    ]
  },
  {
    name: 'No retries at all if retry quota is 0',
    given: {
      initial_retry_tokens: 0,
      exponential_base: 1
    },
    responses: [
      {
        response: {
          status_code: 500
        },
        expected: {
          outcome: 'retry_quota_exceeded',
          retry_quota: 0
        }
      }
    ]
  },
  {
    name: 'Verifying exponential backoff timing',
    given: {
      max_attempts: 5,
      exponential_base: 1
    },
    responses: [
      {
        response: {
          status_code: 500
        },
        expected: {
          outcome: 'retry_request',
          retry_quota: 486,
          delay: 0.05
        }
      },
      {
        response: {
          status_code: 500
        },
        expected: {
          outcome: 'retry_request',
          retry_quota: 472,
          delay: 0.1
        }
      },
      {
        response: {
          status_code: 500
        },
        expected: {
          outcome: 'retry_request',
          retry_quota: 458,
          delay: 0.2
        }
      },
      {
        response: {
          status_code: 500
        },
        expected: {
          outcome: 'retry_request',
          retry_quota: 444,
          delay: 0.4
        }
      },
      {
        response: {
          status_code: 500
        },
        expected: {
          outcome: 'max_attempts_exceeded',
          retry_quota: 444
        }
      }
    ]
  },
  {
    name: 'Retry Stops After Retry Quota Exhaustion',
    given: {
      max_attempts: 5,
      initial_retry_tokens: 20,
      exponential_base: 1
    },
    responses: [
      {
        response: {
          status_code: 500
        },
        expected: {
          outcome: 'retry_request',
          retry_quota: 6,
          delay: 0.05
        }
      },
      {
        response: {
          status_code: 502
        },
        expected: {
          outcome: 'retry_quota_exceeded',
          retry_quota: 6
        }
      }
    ]
  },
  {
    name: 'Retry quota Recovery After Successful Responses',
    given: {
      max_attempts: 5,
      initial_retry_tokens: 30,
      exponential_base: 1
    },
    responses: [
      {
        response: {
          status_code: 500
        },
        expected: {
          outcome: 'retry_request',
          retry_quota: 16,
          delay: 0.05
        }
      },
      {
        response: {
          status_code: 502
        },
        expected: {
          outcome: 'retry_request',
          retry_quota: 2,
          delay: 0.1
        }
      },
      {
        response: {
          status_code: 200
        },
        expected: {
          outcome: 'success',
          retry_quota: 16
        }
      },
      {
        response: {
          status_code: 500
        },
        expected: {
          outcome: 'retry_request',
          retry_quota: 2,
          delay: 0.05
        }
      },
      {
        response: {
          status_code: 200
        },
        expected: {
          outcome: 'success',
          retry_quota: 16
        }
      }
    ]
  },
  {
    name: 'Throttling Error Token Bucket Drain (5 tokens) and Backoff Duration (1000ms)',
    given: {
      exponential_base: 1
    },
    responses: [
      {
        response: {
          status_code: 400,
          error_code: 'Throttling'
        },
        expected: {
          outcome: 'retry_request',
          retry_quota: 495,
          delay: 1
        }
      },
      {
        response: {
          status_code: 200
        },
        expected: {
          outcome: 'success',
          retry_quota: 500
        }
      }
    ]
  }
]

/** twitter/finagle RetryBudgetTest, Apache-2.0. */
export const finagleRatios: readonly number[] = [
  0.0001, 0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.99, 0.999, 0.9999
]

/** Rows of kind, retry, cost and wait in milliseconds; smithy-lang, as above. */
export const awsTimings: readonly {
  readonly name: string
  readonly scope?: string
  readonly timings: readonly (readonly [
    'TRANSIENT' | 'THROTTLING',
    number,
    number | null,
    number,
    boolean
  ])[]
}[] = [
  {
    name: '8x - transient mixed',
    timings: [
      ['TRANSIENT', 0, null, 50, false],
      ['THROTTLING', 1, 5, 1000, false],
      ['THROTTLING', 2, 5, 2000, false],
      ['TRANSIENT', 3, 14, 200, false],
      ['TRANSIENT', 4, 14, 400, false],
      ['TRANSIENT', 5, 14, 800, false],
      ['TRANSIENT', 6, 14, 1600, false],
      ['THROTTLING', 7, 5, 20000, false]
    ]
  },
  {
    name: '8x - throttling mixed',
    timings: [
      ['TRANSIENT', 0, null, 50, false],
      ['TRANSIENT', 1, 14, 50, false],
      ['THROTTLING', 2, 5, 2000, false],
      ['THROTTLING', 3, 5, 4000, false],
      ['THROTTLING', 4, 5, 8000, false],
      ['THROTTLING', 5, 5, 16000, false],
      ['TRANSIENT', 6, 14, 1600, false],
      ['THROTTLING', 7, 5, 20000, false]
    ]
  },
  {
    name: '12x - throttling mixed longpoll',
    scope: ':longpoll',
    timings: [
      ['TRANSIENT', 0, null, 50, true],
      ['TRANSIENT', 1, 14, 50, true],
      ['THROTTLING', 2, 5, 2000, true],
      ['THROTTLING', 3, 5, 4000, true],
      ['THROTTLING', 4, 5, 8000, true],
      ['THROTTLING', 5, 5, 16000, true],
      ['TRANSIENT', 6, 14, 1600, true],
      ['THROTTLING', 7, 5, 20000, true],
      ['THROTTLING', 8, 5, 20000, true],
      ['THROTTLING', 9, 5, 20000, true],
      ['THROTTLING', 10, 5, 20000, true],
      ['THROTTLING', 11, 5, 20000, true]
    ]
  }
]
