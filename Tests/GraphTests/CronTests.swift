import Graph
import Testing
import Values

/// Cron expressions (D10, U), on a clock that shows UTC. Expected times are from the calendar.
struct CronTests {
    private static func ms(_ text: String) throws -> Int64 {
        try #require(Instant(parsing: text.utf8)).milliseconds
    }

    @Test(arguments: [
        ("* * * * *", "2026-02-27T10:00:00Z", "2026-02-27T10:01:00Z"),
        ("*/15 * * * *", "2026-02-27T10:14:59.999Z", "2026-02-27T10:15:00Z"),
        ("0 9-17/4 * * mon-fri", "2026-02-27T17:00:00Z", "2026-03-02T09:00:00Z"),  // from Friday to Monday
        ("30 2 29 2 *", "2026-02-27T00:00:00Z", "2028-02-29T02:30:00Z"),
        ("0 0 1 jan *", "2026-02-27T00:00:00Z", "2027-01-01T00:00:00Z"),
        ("0 0 13 * 5", "2026-02-27T00:00:00Z", "2026-03-06T00:00:00Z"),  // a Friday or a thirteenth
        ("0 0 * * 7", "2026-02-27T00:00:00Z", "2026-03-01T00:00:00Z"),  // 7 is Sunday
        ("5,10 */30 8 * * *", "2026-02-27T08:00:05Z", "2026-02-27T08:00:10Z"),
        ("@hourly", "2026-12-31T23:30:00Z", "2027-01-01T00:00:00Z"),
        ("0 0 1 1 *", "1969-06-01T00:00:00Z", "1970-01-01T00:00:00Z"),
    ]) func nextTimes(_ text: String, _ now: String, _ next: String) throws {
        let schedule = try #require(CronSchedule(text))
        #expect(schedule.next(after: try Self.ms(now), in: .utc) == (try Self.ms(next)))
    }

    @Test func whatNeverComesIsNil() throws {
        #expect(try #require(CronSchedule("0 0 30 2 *")).next(after: 0, in: .utc) == nil)
    }

    @Test(arguments: [
        "", "* * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "5-1 * * * *", "*/0 * * * *", "a * * * *",
        "1,,2 * * * *", "-1 * * * *", "@often", "* * * * * * *", "1/2/3 * * * *",
    ])
    func whatIsNoExpression(_ text: String) { #expect(CronSchedule(text) == nil) }
}
