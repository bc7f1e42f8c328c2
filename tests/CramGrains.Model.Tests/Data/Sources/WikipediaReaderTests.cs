using CramGrains.Model.Data;
using CramGrains.Model.Data.Sources;

namespace CramGrains.Model.Tests.Data.Sources;

public sealed class WikipediaReaderTests : IDisposable
{
    private const string Dump = """
        <mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11" xml:lang="en">
          <siteinfo><sitename>Wikipedia</sitename><namespaces><namespace key="-2">Media</namespace></namespaces></siteinfo>
          <page><title>Anarchism</title><ns>0</ns><id>12</id>
            <revision><id>1</id><contributor><username>text</username></contributor><model>wikitext</model>
            <text bytes="10" xml:space="preserve">'''Anarchism''' is a [[political philosophy]].

        == History ==
        It &lt;b&gt;grew&lt;/b&gt;.</text></revision></page>
          <page><title>Old name</title><ns>0</ns><redirect title="Anarchism" /><revision><text>#REDIRECT [[Anarchism]]</text></revision></page>
          <page><title>Talk:Anarchism</title><ns>1</ns><revision><text>A discussion.</text></revision></page>
          <page><title>Empty</title><ns>0</ns><revision><text bytes="0" /></revision></page>
          <page><title>Module:X</title><ns>0</ns><revision><model>Scribunto</model><text>return 1</text></revision></page>
          <page><title>Albedo</title><ns>0</ns><revision><text>Albedo is a {{convert|1|m}} measure.</text></revision></page>
        </mediawiki>
        """;

    private readonly SourceRig _rig = new();

    public void Dispose() => _rig.Dispose();

    [Theory]
    [InlineData("dump.xml")]
    [InlineData("dump.xml.bz2")]
    public void Read_Dump_GivesArticlesAlone(string name) => Assert.Equal(
        ["Anarchism\nAnarchism is a political philosophy.\nIt grew.", "Albedo\nAlbedo is a measure."],
        WikipediaReader.Read(_rig.Write(name, Dump), _ => { }));

    [Fact]
    public void Read_CutDump_NamesItsLine()
    {
        var path = _rig.Write("dump.xml", Dump[..^200]);
        var message = Assert.Throws<CorpusException>(() => WikipediaReader.Read(path, _ => { }).ToList()).Message;
        Assert.Contains("not a whole MediaWiki dump: line", message);
    }

    [Fact]
    public void Read_OtherXml_SaysWhatItIs() =>
        Assert.Contains("<html>", Assert.Throws<CorpusException>(() => WikipediaReader.Read(_rig.Write("a.xml", "<html><body/></html>"), _ => { }).ToList()).Message);

    [Theory]
    [InlineData("plain text", "plain text")]
    [InlineData("a [[b]] c [[d|e]] f [[:Category:G]]", "a b c e f Category:G")]
    [InlineData("x {{t|{{u}}|v}} y", "x y")]
    [InlineData("born {{birth date|1900|1|1}}, in Bern ({{lang|de|x}})", "born, in Bern")]
    [InlineData("never {{closed here", "never closed here")]
    [InlineData("before\n{| class=\"wikitable\"\n! head\n|-\n| cell {{t}} || [[x]]\n{|\n| nested\n|}\n|}\nafter", "before\nafter")]
    [InlineData("a<ref name=\"x\">Smith {{cite}}</ref> b<ref name=x /> c<ref>open", "a b copen")]
    [InlineData("[[File:A.jpg|thumb|A [[linked]] caption]]text[[Category:B]]", "text")]
    [InlineData("see [https://x.org the page] and [https://y.org]", "see the page and")]
    [InlineData("'''''both''''' ''i'' don't", "both i don't")]
    [InlineData("== H ==\n* one\n** two\n: three\n# four", "one\ntwo\nthree\nfour")]
    [InlineData("a&nbsp;b &amp; c &lt; d &amp;ndash; e", "a b & c < d \u2013 e")]
    [InlineData("a<!-- hidden\n\nstill -->b\n<!-- to the end", "ab")]
    [InlineData("E = <math>mc^2</math>, so <sub>2</sub>", "E =, so 2")]
    [InlineData("<references />\n__NOTOC__\n----\ntext", "text")]
    [InlineData("<gallery>\nFile:A.jpg|cap\n</gallery>", "")]
    [InlineData("a <nowiki>[not a link]</nowiki>", "a [not a link]")]
    public void Clean_Markup_LeavesProse(string wikitext, string expected) => Assert.Equal(expected, new WikitextCleaner().Clean(wikitext));

    [Fact]
    public void Clean_DeeplyNestedAndHostile_EndsSoon()
    {
        var cleaner = new WikitextCleaner();
        foreach (var piece in new[] { "{{", "[[", "{|", "<ref", "<!--", "[[a|", "}}", "'''" })
        {
            cleaner.Clean(string.Concat(Enumerable.Repeat(piece, 3000)));
        }
    }
}
