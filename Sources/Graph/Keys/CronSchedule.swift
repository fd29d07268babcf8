#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A cron expression: minute, hour, day of the month, month and day of the week, perhaps with seconds in front; or one
/// of `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`.
///
/// A field is `*` or a list of numbers, ranges and steps (`1-5`, `*/15`); months and weekdays have their English names,
/// too. When both the day of the month and the weekday are limited, a day that fits either will do, as cron has always
/// done it.
package struct CronSchedule: Equatable, Sendable {
    /// Which numbers each field allows, as bits.
    private var seconds: UInt64 = 1
    private var minutes: UInt64 = 0
    private var hours: UInt64 = 0
    private var days: UInt64 = 0
    private var months: UInt64 = 0
    private var weekdays: UInt64 = 0
    private var isAnyDay = false
    private var isAnyWeekday = false

    private static let names = [
        "@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0",
        "@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
    ]
    private static let monthNames = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ]
    private static let weekdayNames = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]

    /// Nil for what is no cron expression.
    package init?(_ text: String) {
        var fields = (CronSchedule.names[text] ?? text).lowercased().split(separator: " ").map(String.init)
        if fields.count == 6 {
            guard let set = CronSchedule.field(fields.removeFirst(), 0...59) else { return nil }
            seconds = set
        }
        guard fields.count == 5, let minutes = CronSchedule.field(fields[0], 0...59),
            let hours = CronSchedule.field(fields[1], 0...23), let days = CronSchedule.field(fields[2], 1...31),
            let months = CronSchedule.field(fields[3], 1...12, CronSchedule.monthNames, from: 1),
            let weekdays = CronSchedule.field(fields[4], 0...7, CronSchedule.weekdayNames, from: 0)
        else { return nil }
        (self.minutes, self.hours, self.days, self.months) = (minutes, hours, days, months)
        // Sunday is 0 and 7.
        self.weekdays = (weekdays | weekdays >> 7) & 0x7f
        isAnyDay = fields[2].hasPrefix("*")
        isAnyWeekday = fields[4].hasPrefix("*")
    }

    private static func field(
        _ text: String, _ range: ClosedRange<Int>, _ names: [String] = [], from first: Int = 0
    ) -> UInt64? {
        func number(_ text: Substring) -> Int? {
            if let index = names.firstIndex(of: String(text)) { return index + first }
            return text.utf8.allSatisfy { $0 &- 48 < 10 } ? Int(text).flatMap { range.contains($0) ? $0 : nil } : nil
        }
        var set: UInt64 = 0
        for item in text.split(separator: ",", omittingEmptySubsequences: false) {
            let parts = item.split(separator: "/", omittingEmptySubsequences: false)
            guard (1...2).contains(parts.count) else { return nil }
            var step = 1
            if parts.count == 2 {
                guard let given = Int(parts[1]), given > 0, given <= range.upperBound + 1 else { return nil }
                step = given
            }
            var (low, high) = (range.lowerBound, range.upperBound)
            if parts[0] != "*" {
                let ends = parts[0].split(separator: "-", omittingEmptySubsequences: false)
                guard (1...2).contains(ends.count), let start = number(ends[0]) else { return nil }
                low = start
                if ends.count == 2 {
                    guard let end = number(ends[1]), end >= start else { return nil }
                    high = end
                } else if parts.count == 1 {
                    high = start
                }
            }
            for value in stride(from: low, through: high, by: step) { set |= 1 << UInt64(value) }
        }
        return set
    }

    /// Which clock on the wall is meant.
    package enum Zone: Sendable { case local, utc }

    /// Some expressions, such as the 30th of February, never come.
    private static let horizonSeconds = 9 * 366 * 86_400

    /// The first moment after `now` that fits, both in milliseconds since 1970; nil when none comes within nine years.
    package func next(after now: Int64, in zone: Zone = .local) -> Int64? {
        let limit = time_t(now / 1000) + CronSchedule.horizonSeconds
        var moment = time_t(now >= 0 || now % 1000 == 0 ? now / 1000 : now / 1000 - 1) + 1
        while moment <= limit {
            var parts = tm()
            if zone == .utc { gmtime_r(&moment, &parts) } else { localtime_r(&moment, &parts) }
            guard !fits(&parts) else { return Int64(moment) * 1000 }
            parts.tm_isdst = -1
            let later = zone == .utc ? timegm(&parts) : mktime(&parts)
            // Where the clock is set back, local times come twice: time itself goes on.
            moment = max(later, moment + 1)
        }
        return nil
    }

    /// Whether the time fits; if it does not, it is moved to the start of the next unit that may.
    private func fits(_ parts: inout tm) -> Bool {
        func allows(_ set: UInt64, _ value: Int32) -> Bool { set >> UInt64(value) & 1 == 1 }
        if !allows(months, parts.tm_mon + 1) {
            (parts.tm_mon, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec) = (parts.tm_mon + 1, 1, 0, 0, 0)
            return false
        }
        let fitsDay = allows(days, parts.tm_mday)
        let fitsWeekday = allows(weekdays, parts.tm_wday)
        if !(isAnyDay || isAnyWeekday ? fitsDay && fitsWeekday : fitsDay || fitsWeekday) {
            (parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec) = (parts.tm_mday + 1, 0, 0, 0)
            return false
        }
        if !allows(hours, parts.tm_hour) {
            (parts.tm_hour, parts.tm_min, parts.tm_sec) = (parts.tm_hour + 1, 0, 0)
            return false
        }
        if !allows(minutes, parts.tm_min) {
            (parts.tm_min, parts.tm_sec) = (parts.tm_min + 1, 0)
            return false
        }
        if !allows(seconds, parts.tm_sec) {
            parts.tm_sec += 1
            return false
        }
        return true
    }
}
