/// The names that Swift code speaks of, as one table: the raw value is the text.
///
/// They have the same `Name` in every instance, so Swift code writes `.kw(.path)` and switches over `value.knownKeyword`.
/// Add a case to use a name; keep the sections sorted.
public enum KnownName: String, CaseIterable, Sendable {
    // special forms and reader symbols
    case `def`, `if`, `do`, `quote`, `var`, `try`, `catch`, `finally`, `throw`, `recur`, `new`, `fn`, `let`, `loop`
    case fnStar = "fn*"
    case letStar = "let*"
    case loopStar = "loop*"
    case letfnStar = "letfn*"
    case setBang = "set!"
    case dot = "."
    case ampersand = "&"
    case ampForm = "&form"
    case ampEnv = "&env"
    case unquote = "clojure.core/unquote"
    case unquoteSplicing = "clojure.core/unquote-splicing"
    case deref = "clojure.core/deref"
    case apply = "clojure.core/apply"
    case concat = "clojure.core/concat"
    case hashMap = "clojure.core/hash-map"
    case hashSet = "clojure.core/hash-set"
    case list = "clojure.core/list"
    case seq = "clojure.core/seq"
    case vector = "clojure.core/vector"
    case withMeta = "clojure.core/with-meta"
    case infinity = "Inf"
    case minusInfinity = "-Inf"
    case notANumber = "NaN"
    case form, inst, uuid
    case paramTags = "param-tags"
    // metadata and options
    case arglists, doc, dynamic, line, column, file, macro, `private`, tag, name, ns, test, const
    case keys, strs, syms, or, `as`
    case `default`, `else`
    case sluice
    // channels and fibers
    case dropping, fixed, go, promise, sliding, thread
    // workers
    case async, block, buffer, channel, channels, command, components, dispatch, drop, drops, emit, errors, event, `in`,
        log
    case logger, msg, obs, observability, restart, stats, ticker, worker, workers
    case bufferType = "buffer-type"
    case devGuard = "dev-guard?"
    case exData = "ex-data"
    case exposed = "expose?"
    case failChan = "fail-chan"
    case failChanFull = "fail-chan-full"
    case guardMs = "guard-ms"
    case guardReport = "workers.guard"
    case heldMs = "held-ms"
    case inputDrop = "input-drop"
    case intervalMs = "interval-ms"
    case isDurable = "durable?"
    case outputChan = "output-chan"
    case outputDrop = "output-drop"
    case putMode = "put-mode"
    case stopBang = "stop!"
    case tickerOutputDrop = "ticker-output-drop"
    case workerFn = "worker-fn"
    case workerID = "worker-id"
    case workerKind = "worker-kind"
    case workerSystem = "sluice/system"
    case workersDrop = "workers.drop"
    case workersError = "workers.error"
    // effects
    case path, content
    case fsRead = "fs/read"
    case fsWrite = "fs/write"
    // what the adapters are asked and answer
    case args, body, bytes, code, created, changed, cwd, data, delta, deleted, dimensions, embeddings, env, err
    case exit, function, headers, host, input, json, kind, message, messages, method, mode, model
    case ms, out, parameters, pattern, query, role, schema, signal, size, status, temperature
    case text, tools, type, url, usage, value
    case annotations, arguments, dir, progress, server, servers, structured, title, tool, total
    case inputSchema = "input-schema"
    case outputSchema = "output-schema"
    case completionTokens = "completion-tokens"
    case errTruncated = "err-truncated?"
    case finishReason = "finish-reason"
    case graceMs = "grace-ms"
    case idleMs = "idle-ms"
    case isCheck = "check?"
    case isExisting = "existing?"
    case isInitial = "initial?"
    case isMissingOK = "missing-ok?"
    case isParents = "parents?"
    case isRecursive = "recursive?"
    case isStream = "stream?"
    case maxBytes = "max-bytes"
    case maxRedirects = "max-redirects"
    case maxTokens = "max-tokens"
    case modifiedMs = "modified-ms"
    case outTruncated = "out-truncated?"
    case promptTokens = "prompt-tokens"
    case responseFormat = "response-format"
    case settleMs = "settle-ms"
    case timeoutMs = "timeout-ms"
    case toolChoice = "tool-choice"
    case totalTokens = "total-tokens"
    // effects, their meta and outcomes
    case action, attempt, backoff, cancelled, cancels, config, context, deduped, description, done, effect, effects,
        error
    case factor, inherit
    case failed, first, group, groups, http, id, identity, jitter, last, limits, max, merge, meta, n, ok, on, opts,
        order
    case parallel, payload, place, priority, queued, rate, reason, result, results, retried, retry, retryable, running
    case sequential, skip
    case skipped, started, submitted, tags, ts
    case baseMs = "base-ms"
    case requested, stopped, superseded, parent
    case cancelledBy = "cancelled-by"
    case cut
    case `continue`
    case dedupStrategy = "dedup-strategy"
    case dependsOn = "depends-on"
    case doneTs = "done-ts"
    case backoffMs = "backoff-ms"
    case durationMs = "duration-ms"
    case effectID = "effect-id"
    case effectSlashID = "effect/id"
    case effectSlashType = "effect/type"
    case enqueuedTs = "enqueued-ts"
    case effectsPending = "effects/pending"
    case effectsStats = "effects/stats"
    case eventID = "event/id"
    case eventPayload = "event/payload"
    case eventSource = "event/source"
    case eventTs = "event/ts"
    case eventType = "event/type"
    case eventsIn = "events/in"
    case eventsOut = "events/out"
    case bus, source
    case count, ids, limit, turn, waits, why
    case waitsFor = "waits-for"
    case idempotencyKey = "idempotency-key"
    case maxInflight = "max-inflight"
    case onDepFailure = "on-dep-failure"
    case perMs = "per-ms"
    case retainCompleted = "retain-completed"
    case retryAfterMs = "retry-after-ms"
    case sequenceNumber = "seq"
    case startedTs = "started-ts"
    case tickMs = "tick-ms"
    // processes
    case descriptor, events, from, live, ordinal, output, pending, process, released, sequence, session, to
    case createdTs = "created-ts"
    case endedTs = "ended-ts"
    // declarations
    case all, ask, configure, cron, definition
    case fail, handler, mcp, net, needs, params, paths, phase
    case phases, read, recovery, run, runtime, system, systems, write
    case igRef = "ig/ref"
    // types of parameters
    case any, bool, int, keyword, map, number, string
    case vectorType = "vector"
    // differences of graphs
    case added, after, before, removed

    /// The interned name; constant for the life of the process.
    public var name: Name { KnownName.table.names[ordinal] }

    /// The position in `allCases`: an enum without payloads is laid out as its ordinal.
    private var ordinal: Int {
        withUnsafeBytes(of: self) { $0.count == 1 ? Int($0[0]) : Int($0.load(as: UInt16.self)) }
    }

    static let table = Table()

    /// An immutable open-addressing table over `allCases`.
    struct Table: @unchecked Sendable {
        // Sendable: never changed after `init`.
        let names: [Name]
        let slots: [Int32]

        init() {
            var names: [Name] = []
            var slots = [Int32](repeating: -1, count: 2048)
            names.reserveCapacity(KnownName.allCases.count)
            for (index, known) in KnownName.allCases.enumerated() {
                var text = known.rawValue
                let made = text.withUTF8 { Table.make($0, index: index) }
                var slot = Int(made.textHash) & (slots.count - 1)
                while slots[slot] >= 0 { slot = (slot + 1) & (slots.count - 1) }
                slots[slot] = Int32(index)
                names.append(made)
            }
            self.names = names
            self.slots = slots
        }

        private static func make(_ text: UnsafeBufferPointer<UInt8>, index: Int) -> Name {
            let (namespace, name) = Names.split(text)
            return Name.make(
                namespace: namespace, name: name, hash: Name.textHash(namespace: namespace, name: name),
                known: Int32(index))
        }

        func find(namespace: UnsafeBufferPointer<UInt8>?, name: UnsafeBufferPointer<UInt8>, hash: UInt32) -> Name? {
            var slot = Int(hash) & (slots.count - 1)
            while slots[slot] >= 0 {
                let candidate = names[Int(slots[slot])]
                if candidate.textHash == hash, candidate.matches(namespace: namespace, name: name) { return candidate }
                slot = (slot + 1) & (slots.count - 1)
            }
            return nil
        }
    }
}
