import Values

/// Answers chat requests without a model, a network or a key: by extraction, the same for the same text, and marked as what
/// it is (`:model "offline-extractive"`, `"offline": true` in its JSON). For trying a script out, not for its results.
package struct OfflineChat: Sendable {
    package static let model = "offline-extractive"
    static let dimensions = 64

    private let json: JSONCodec
    private let wire: ChatWire

    package init(json: JSONCodec, names: Names) {
        self.json = json
        wire = ChatWire(names: names)
    }

    func chat(_ call: EffectCall) throws(AdapterError) -> Value {
        guard let messages = call.params.value(.messages) else {
            throw .parameter("the parameter :messages is missing; give [{:role \"user\" :content \"…\"}]")
        }
        let body = try wire.body(call.params, [.messages, .responseFormat], defaults: [:]).value
        let asked = body.field("messages")?.elementsIfVector ?? []
        if asked.isEmpty { throw call.params.wrong(.messages, "a vector of messages", messages) }
        let extract = Extract(of: OfflineChat.subject(asked))
        let content: String
        if ChatClient.wantsJSON(call.params) || asked.contains(where: OfflineChat.mentionsJSON) {
            let schema = body.field("response_format")?.field("json_schema")?.field("schema")
            content = String(decoding: try json.encoding(answer(extract, schema), "the offline answer"), as: UTF8.self)
        } else {
            content = extract.title.isEmpty ? extract.summary : extract.title + "\n\n" + extract.summary
        }
        if call.params.flag(.isStream) {
            var map = MapBuilder()
            map.set(.delta, .string(content))
            call.progress(map.value)
        }
        var message = MapBuilder()
        message.set(Value.string("role"), .string("assistant"))
        message.set(Value.string("content"), .string(content))
        var usage = MapBuilder()
        for name in ["prompt_tokens", "completion_tokens", "total_tokens"] { usage.set(Value.string(name), .int(0)) }
        return ChatReply(message: message.value, finishReason: "stop", usage: usage.value, model: OfflineChat.model)
            .value(wire)
    }

    /// The longest text that a user sent: instructions and complaints are shorter than what they are about.
    private static func subject(_ messages: [Value]) -> String {
        var longest = ""
        for message in messages where message.field("role")?.stringValue == "user" {
            let text = text(of: message)
            if text.utf8.count > longest.utf8.count { longest = text }
        }
        return longest
    }

    private static func text(of message: Value) -> String {
        let content = message.field("content")
        if let text = content?.stringValue { return text }
        return (content?.elementsIfVector ?? []).compactMap { $0.field("text")?.stringValue }.joined(separator: "\n")
    }

    private static func mentionsJSON(_ message: Value) -> Bool {
        message.field("role")?.stringValue != "assistant" && text(of: message).lowercased().hasText("json")
    }

    /// An object with what the schema asks for, or with a title, a summary and tags.
    private func answer(_ extract: Extract, _ schema: Value?) -> Value {
        var map = MapBuilder()
        if case .map(let properties)? = OfflineChat.entry(schema, "properties"), !properties.isEmpty {
            properties.forEach { key, shape in
                let name = OfflineChat.word(key)
                map.set(.string(name), extract.value(name, shape, 0))
                return true
            }
        } else {
            map.set(Value.string("title"), .string(extract.title))
            map.set(Value.string("summary"), .string(extract.summary))
            map.set(Value.string("tags"), .vector(extract.tags.map { .string($0) }))
        }
        map.set(Value.string("offline"), .true)
        return map.value
    }

    /// A field of a schema, whose keys may be strings or keywords: the script wrote it.
    static func entry(_ value: Value?, _ name: String) -> Value? {
        guard case .map(let map)? = value else { return nil }
        var found: Value?
        map.forEach { key, value in
            if word(key) == name { found = value }
            return found == nil
        }
        return found
    }

    private static func word(_ key: Value) -> String {
        if case .keyword(let name) = key { return name.name }
        return key.stringValue ?? ""
    }

    /// One vector for each text: its words, hashed into `dimensions` places, of length one.
    func embed(_ call: EffectCall) throws(AdapterError) -> Value {
        let texts: [String]
        guard let input = call.params.value(.input) else {
            throw .parameter("the parameter :input is missing; give a string or a vector of strings")
        }
        if let text = input.stringValue {
            texts = [text]
        } else if let elements = input.realizedElements {
            texts = elements.compactMap(\.stringValue)
        } else {
            throw call.params.wrong(.input, "a string or a vector of strings", input)
        }
        var map = MapBuilder()
        map.set(.embeddings, .vector(texts.map { OfflineChat.embedding($0) }))
        map.set(.model, .string(OfflineChat.model))
        return map.value
    }

    private static func embedding(_ text: String) -> Value {
        var vector = [Double](repeating: 0, count: dimensions)
        for word in Extract.words(text.lowercased()) {
            var hash: UInt64 = 0xcbf2_9ce4_8422_2325
            for byte in word.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
            vector[Int(hash % UInt64(dimensions))] += hash & (1 << 63) == 0 ? 1 : -1
        }
        let length = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
        return .vector(vector.map { .double(length == 0 ? 0 : $0 / length) })
    }
}

/// What can be said of a text by looking at it.
struct Extract {
    static let maxTitle = 80
    static let maxSummary = 300
    static let maxTags = 5

    var title = ""
    var summary = ""
    var tags: [String] = []

    init(of text: String) {
        let lines = text.split(whereSeparator: \.isNewline).map { Extract.trimmed($0) }.filter { !$0.isEmpty }
        let heading = lines.first { $0.hasPrefix("#") && !Extract.plain($0).isEmpty } ?? lines.first ?? ""
        title = Extract.cut(Extract.plain(heading), Extract.maxTitle)
        let isHeading = { (line: String) in line.hasPrefix("#") || line == heading }
        let prose = lines.filter { !isHeading($0) }.map(Extract.plain).filter { !$0.isEmpty }.joined(separator: " ")
        summary = Extract.cut(Extract.sentences(prose.isEmpty ? title : prose, 2), Extract.maxSummary)
        tags = Extract.frequent(text)
    }

    /// A value for a property of a JSON schema, by its name and type.
    func value(_ name: String, _ shape: Value, _ depth: Int) -> Value {
        if let first = OfflineChat.entry(shape, "enum")?.elementsIfVector?.first { return first }
        let type = OfflineChat.entry(shape, "type")
        let typeName = type?.stringValue ?? type?.elementsIfVector?.first?.stringValue ?? "string"
        switch typeName {
        case "integer", "number": return OfflineChat.entry(shape, "minimum") ?? .int(0)
        case "boolean": return .false
        case "null": return .nil
        case "array":
            let item = OfflineChat.entry(OfflineChat.entry(shape, "items"), "type")?.stringValue ?? "string"
            return .vector(item == "string" ? tags.map { .string($0) } : [])
        case "object":
            var map = MapBuilder()
            if depth < 8, case .map(let properties)? = OfflineChat.entry(shape, "properties") {
                properties.forEach { key, shape in
                    let text: String = if case .keyword(let name) = key { name.name } else { key.stringValue ?? "" }
                    map.set(.string(text), value(text, shape, depth + 1))
                    return true
                }
            }
            return map.value
        default:
            return .string(
                ["title", "name", "subject", "heading", "headline"].contains(name.lowercased()) ? title : summary)
        }
    }

    private static func trimmed(_ text: some StringProtocol) -> String {
        var text = text[...]
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }

    /// A line without Markdown's signs.
    private static func plain(_ line: String) -> String {
        let start = line.drop { "#>*-+ \t=`".contains($0) }
        return trimmed(String(start.filter { !"*`_[]".contains($0) }))
    }

    /// The first `count` sentences.
    private static func sentences(_ text: String, _ count: Int) -> String {
        var (found, taken) = (0, "")
        var previous: Character = " "
        for character in text {
            if character.isWhitespace, ".!?…。".contains(previous) {
                found += 1
                if found == count { break }
            }
            taken.append(character)
            previous = character
        }
        return taken
    }

    private static func cut(_ text: String, _ limit: Int) -> String {
        if text.count <= limit { return text }
        let head = text.prefix(limit - 1)
        let end = head.lastIndex(of: " ") ?? head.endIndex
        return head[..<end] + "…"
    }

    static func words(_ text: String) -> [Substring] { text.split { !$0.isLetter && !$0.isNumber } }

    /// The words that come most often, those that come first before others; without the small words of English.
    private static func frequent(_ text: String) -> [String] {
        var counts: [Substring: (count: Int, first: Int)] = [:]
        for (index, word) in words(text.lowercased()).enumerated() {
            if word.count < 4 || word.allSatisfy(\.isNumber) || stopWords.contains(word) { continue }
            counts[word, default: (0, index)].count += 1
        }
        let ranked = counts.sorted { ($1.value.count, $0.value.first) < ($0.value.count, $1.value.first) }
        return ranked.prefix(maxTags).map { String($0.key) }
    }

    private static let stopWords: Set<Substring> = Set(
        """
        about above after again also always another because been before being below between both cannot could does doing done down
        during each either else even every from further have having here hers herself himself into itself just like made make many
        might more most much must myself need never note notes only other ours over same shall should since some still such than that
        their them then there these they this those through under until upon very want well were what when where which while will
        with within without would your yours yourself json title summary tags text
        """.split(whereSeparator: \.isWhitespace))
}
