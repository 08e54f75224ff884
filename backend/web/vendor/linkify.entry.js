// In place of linkify-it, which markdown-it constructs but does not use: plain addresses are no links here.
export class LinkifyIt {}
