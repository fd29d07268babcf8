import Engine
import Testing
import Values

@testable import Store

/// The table over random inputs, judged by rules that are written from the requirements alone (L31–L41).
@Suite struct ProcessTableTests {
    /// A deterministic sequence of numbers.
    private struct Chance {
        var state: UInt64
        mutating func below(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % UInt64(bound))
        }
    }

    /// What an observer of the table's answers knows.
    private struct Observer {
        var asked: Set<Int> = []
        var answered: Set<Int> = []
        var withdrawn: Set<Int> = []
        /// How each process ended, by what its waiters were told.
        var ends: [String: String] = [:]
        var waiterOf: [Int: String] = [:]
        /// Who may end a process, and until when for sure.
        var holders: [String: (lease: ProcessLease, untilMs: Int64)] = [:]
        var finished: [String: Int] = [:]
        var positions: [String: Int64] = [:]

        mutating func take(_ replies: [ProcessTable.Reply]) {
            for reply in replies {
                let waiter: Int
                switch reply {
                case .ended(let who, let end):
                    waiter = who
                    let text = ProcessConformance.text(end)
                    let id = waiterOf[who]!
                    // Everybody hears of the same end.
                    #expect(ends[id] == nil || ends[id] == text)
                    ends[id] = text
                case .event(let who, _): waiter = who
                case .failed(let who, let error):
                    waiter = who
                    #expect(error.code == "process_ended")
                }
                #expect(asked.contains(waiter) && !withdrawn.contains(waiter))
                #expect(answered.insert(waiter).inserted, "answered twice")
            }
        }
    }

    @Test(arguments: 0..<60) func randomInputsKeepTheRules(seed: Int) {
        var chance = Chance(state: UInt64(seed) &* 7919 &+ 1)
        var limits = ProcessTable.Limits()
        // Large enough that no row is forgotten: what is kept is the conformance suite's.
        limits.retainedEnded = 1_000
        limits.events = 5
        var (table, seen, now, waiter) = (ProcessTable(limits: limits), Observer(), Int64(0), 0)
        let ids = (0..<5).map { "p\($0)" }
        var known: Set<String> = []
        for _ in 0..<400 {
            let id = ids[chance.below(ids.count)]
            now += Int64(chance.below(40))
            switch chance.below(10) {
            case 0, 1:
                if (try? table.start(ProcessRegistration(id: id, input: .int(1)), grant: nil, at: now)) != nil {
                    known.insert(id)
                }
            case 2:
                waiter += 1
                seen.asked.insert(waiter)
                seen.waiterOf[waiter] = id
                if (try? table.await(id, waiter)) == nil { seen.asked.remove(waiter) }
            case 3:
                waiter += 1
                seen.asked.insert(waiter)
                if (try? table.event(1 + chance.below(4), of: id, type: "x", waiter)) == nil {
                    seen.asked.remove(waiter)
                }
            case 4:
                guard waiter > 0 else { continue }
                let who = 1 + chance.below(waiter)
                table.withdraw(who)
                if !seen.answered.contains(who) { seen.withdrawn.insert(who) }
            case 5:
                if let event = try? table.signal(id, type: "x", payload: .nil) {
                    // Positions count up without gaps, but for what the table appends itself.
                    #expect(event.sequence > seen.positions[id, default: 0])
                    seen.positions[id] = event.sequence
                }
            case 6 where chance.below(3) == 0: _ = try? table.cancel(id, reason: "r", at: now)
            case 7:
                for work in table.claim("r\(chance.below(3))", leaseMs: 50, at: now) {
                    // One holder at a time: nobody else is sure to have it still.
                    if let holder = seen.holders[work.lease.process] { #expect(holder.untilMs <= now) }
                    #expect(seen.finished[work.lease.process] == nil, "an ended row is no work")
                    seen.holders[work.lease.process] = (work.lease, now + 50)
                }
            case 8:
                guard let holder = seen.holders[id] else { continue }
                let renewed: Void? = try? table.renew(holder.lease, leaseMs: 50, at: now)
                // The last holder keeps it for as long as the row stands.
                #expect((renewed != nil) == !hasEnded(table, id))
                if renewed != nil { seen.holders[id]?.untilMs = now + 50 }
            default:
                guard let holder = seen.holders[id] else { continue }
                // A stale lease ends nothing.
                let stale = ProcessLease(process: id, runner: holder.lease.runner, claim: holder.lease.claim - 1)
                #expect((try? table.finish(stale, .done(output: .nil), at: now)) == nil)
                let wasOver = hasEnded(table, id)
                let record = try? table.finish(holder.lease, .done(output: .int(now)), at: now)
                #expect((record != nil) == !wasOver)
                if record != nil { seen.finished[id, default: 0] += 1 }
            }
            seen.take(table.replies)
            table.replies = []
        }
        // Whatever is left ends, and with it every wait.
        for id in known.sorted() { _ = try? table.cancel(id, reason: nil, at: now) }
        _ = table.claim("last", leaseMs: 50, at: now + 1_000)
        seen.take(table.replies)
        #expect(table.list(session: nil, mode: .live).isEmpty)
        #expect(seen.asked.subtracting(seen.withdrawn) == seen.answered)
        #expect(table.counts.waiters == 0)
        for (_, count) in seen.finished { #expect(count == 1, "ended exactly once") }
        for id in known { #expect(table.list(session: nil, mode: .all).contains { $0.record.id == id }) }
    }

    private func hasEnded(_ table: ProcessTable, _ id: String) -> Bool {
        !table.list(session: nil, mode: .live).contains { $0.record.id == id }
    }
}
